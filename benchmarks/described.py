"""Networks and compiled GANs as plain data, for PyTorch in a process without TensorFlow.

TensorFlow 2.21 and PyTorch 2.14 cannot share a process: the import of `torch._dynamo`, which the first optimizer makes,
ends with a segmentation fault. So a process with TensorFlow describes the GAN, and one with PyTorch computes it. This
module imports neither.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

SETTINGS = (
    "activation",
    "block_size",
    "cropping",
    "dilation_rate",
    "epsilon",
    "groups",
    "momentum",
    "negative_slope",
    "padding",
    "rate",
    "strides",
)
ARRAYS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class Operation:
    """One operation of a network."""

    kind: str  # name of the class in keras.layers or keras.ops
    name: str
    sources: list[int]  # positions of its inputs: 0 is the network's input, n the output of the nth operation
    input_shape: tuple  # (None, ...), of the first input
    output_shape: tuple
    settings: dict[str, Any]  # those of SETTINGS that the operation has; activations by name
    arrays: dict[str, np.ndarray]  # those of ARRAYS that the operation has


@dataclass(frozen=True)
class Network:
    """A Functional network with one input and one output."""

    operations: list[Operation]
    result: int  # position of the network's output, as in `Operation.sources`


@dataclass(frozen=True)
class Game:
    """A compiled `keras_gan.GAN`."""

    generator: Network
    discriminator: Network
    average: Network
    latent_dim: int
    half_life_images: float  # of the average
    ramp: float  # `ema.RAMP`
    automatic_share: float  # `penalties.AUTO_SHARE`
    settings: dict[str, Any]  # what `GAN.get_compile_config` returns


def of_network(network) -> Network:
    """Describes a Functional Keras network, weights included."""
    operations, positions = [], {id(network.inputs[0]): 0}
    for operation in network.operations:
        if type(operation).__name__ == "InputLayer":
            continue
        inputs = operation.input if isinstance(operation.input, list) else [operation.input]
        settings = {name: getattr(operation, name) for name in SETTINGS if hasattr(operation, name)}
        if "activation" in settings:
            settings["activation"] = settings["activation"].__name__
        arrays = {name: getattr(operation, name, None) for name in ARRAYS}
        operations.append(
            Operation(
                type(operation).__name__,
                operation.name,
                [positions[id(tensor)] for tensor in inputs],
                tuple(inputs[0].shape),
                tuple(operation.output.shape),
                settings,
                {name: np.array(variable) for name, variable in arrays.items() if variable is not None},
            )
        )
        positions[id(operation.output)] = len(operations)
    return Network(operations, positions[id(network.outputs[0])])


def of_gan(gan) -> Game:
    """Describes a compiled GAN."""
    from keras_gan import ema, penalties

    return Game(
        *map(of_network, (gan.generator, gan.discriminator, gan.ema_generator)),
        gan.latent_dim,
        gan.ema_half_life_images,
        ema.RAMP,
        penalties.AUTO_SHARE,
        gan.get_compile_config(),
    )
