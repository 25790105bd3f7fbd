"""Images by name or by path, scaled to [-1, 1]. Their order depends on the seed and the step only."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "opening": ["class_counts", "load", "open_source"],
        "source": ["Source", "batches", "check_labels", "distributed_batches"],
        "spec": ["DataSpec"],
    },
)
