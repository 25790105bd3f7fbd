"""Images by name or by path, in [-1, 1]; the order in which they come is a function of seed and step."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "opening": ["class_counts", "load", "open_source"],
        "source": ["Source", "batches", "check_labels", "distributed_batches"],
        "spec": ["DataSpec"],
    },
)
