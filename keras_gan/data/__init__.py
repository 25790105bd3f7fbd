"""Images by name or by path, scaled to [-1, 1]. Their order depends on the seed and the step only."""

from keras_gan._utils import lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(("class_counts", "load", "open_source"), "keras_gan.data.opening"),
        **dict.fromkeys(
            ("Source", "batches", "check_attributes", "check_labels", "distributed_batches"), "keras_gan.data.source"
        ),
        "DataSpec": "keras_gan.data.spec",
    },
)
