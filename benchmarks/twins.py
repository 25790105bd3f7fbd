"""PyTorch twins of Keras networks: equal mathematics, other engine.

A twin is made from a `described.Network`. It takes and gives arrays in Keras's layout (batch, height, width, channels);
inside, images are (batch, channels, height, width) in channels-last memory, so that every change of layout is a view.
"""

import contextlib

import torch
from torch import nn
from torch.nn import functional

from keras_gan._utils.errors import InputError

# layouts ------------------------------------------------------------------------------------------------------


def inward(x):
    """(batch, height, width, channels) to (batch, channels, height, width); vectors stay."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def outward(x):
    """(batch, channels, height, width) to (batch, height, width, channels); vectors stay."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def depth_to_space(x, block):
    """As `keras.ops.depth_to_space`, whose channels are ordered otherwise than those of PyTorch's pixel_shuffle."""
    batch, channels, height, width = x.shape
    channels //= block**2
    x = outward(x).reshape(batch, height, width, block, block, channels)
    x = x.permute(0, 1, 3, 2, 4, 5)  # (batch, height, block, width, block, channels)
    return inward(x.reshape(batch, height * block, width * block, channels))


def space_to_depth(x, block):
    """As `keras.ops.space_to_depth`, whose channels are ordered otherwise than those of PyTorch's pixel_unshuffle."""
    batch, channels, height, width = x.shape
    x = outward(x).reshape(batch, height // block, block, width // block, block, channels)
    x = x.permute(0, 1, 3, 2, 4, 5)  # (batch, height / block, width / block, block, block, channels)
    return inward(x.reshape(batch, height // block, width // block, channels * block**2))


# convolutions whose gradient is trained ------------------------------------------------------------------------


class _Convolve(torch.autograd.Function):
    """A convolution whose second derivative is made of convolutions as fast as those of the first.

    PyTorch's own makes the weight's gradient by a convolution with batch and channels exchanged, from transposed
    copies, which took a quarter of the whole step. Karras et al. 2020 have the same cure in the code of StyleGAN2-ADA.
    """

    weights_wanted = True  # False while only the gradient at the input is asked for, which autograd does not tell

    @staticmethod
    def forward(context, x, weight, bias, stride, padding):
        context.save_for_backward(x, weight)
        context.geometry = stride, padding
        context.bias_sizes = None if bias is None else bias.shape
        return functional.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(context, slope):
        x, weight = context.saved_tensors
        at_input = at_weight = at_bias = None
        if context.needs_input_grad[0]:
            at_input = _InputGradient.apply(slope, weight, x.detach(), *context.geometry)
        if context.needs_input_grad[1] and _Convolve.weights_wanted:
            mask = False, True, context.bias_sizes is not None
            _, at_weight, at_bias = _gradients(slope, x, weight, context.bias_sizes, *context.geometry, mask)
        return at_input, at_weight, at_bias, None, None


class _InputGradient(torch.autograd.Function):
    """The gradient at a convolution's input, which is linear in `slope` and in `weight`."""

    @staticmethod
    def forward(context, slope, weight, x, stride, padding):
        context.save_for_backward(slope, weight)
        context.geometry = stride, padding
        return _gradients(slope, x, weight, None, stride, padding, (True, False, False))[0]

    @staticmethod
    def backward(context, curvature):
        slope, weight = context.saved_tensors
        at_slope = functional.conv2d(curvature, weight, None, *context.geometry)
        at_weight = _gradients(slope, curvature, weight, None, *context.geometry, (False, True, False))[1]
        return at_slope, at_weight, None, None, None


def _gradients(slope, x, weight, bias_sizes, stride, padding, mask):
    return torch.ops.aten.convolution_backward(
        slope, x, weight, bias_sizes, stride, padding, (1, 1), False, (0, 0), 1, mask
    )


@contextlib.contextmanager
def input_gradients_only():
    _Convolve.weights_wanted = False
    try:
        yield
    finally:
        _Convolve.weights_wanted = True


class Convolution(nn.Conv2d):
    """`torch.nn.Conv2d`, trained through its gradient at full speed."""

    margins = None  # (left, right, top, bottom) in pixels, where TensorFlow pads more at the far ends
    mirrored = {}  # attributes with which PyTorch pads more at the near ends, without copies

    def forward(self, x):
        x = functional.pad(x, self.margins) if self.margins else x
        weight, bias = self.weight, self.bias
        if torch.is_autocast_enabled("cpu"):  # which does not look into functions of our own
            dtype = torch.get_autocast_dtype("cpu")
            x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        return _Convolve.apply(x, weight, bias, self.stride, self.padding)


class TransposedConvolution(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d`, cut where TensorFlow cuts."""

    margins = None  # as in `Convolution`, negative
    mirrored = {}

    def forward(self, x):
        x = super().forward(x)
        # Padding by a negative number keeps the memory format; a slice made this layer a third slower.
        return functional.pad(x, self.margins) if self.margins else x


class _Rectify(torch.autograd.Function):
    """LeakyReLU without a second derivative.

    PyTorch's own second derivative is a tensor of zeros, which goes back through the whole network.
    """

    @staticmethod
    def forward(context, x, slope):
        y = functional.leaky_relu(x, slope)
        context.save_for_backward(y)
        context.slope = slope
        return y

    @staticmethod
    def backward(context, gradients):
        return _RectifiedGradient.apply(gradients, *context.saved_tensors, context.slope), None


class _RectifiedGradient(torch.autograd.Function):
    """The gradient of LeakyReLU, which is linear in `gradients`."""

    @staticmethod
    def forward(context, gradients, y, slope):
        context.save_for_backward(y)
        context.slope = slope
        return torch.ops.aten.leaky_relu_backward(gradients, y, slope, True)

    @staticmethod
    def backward(context, curvature):
        return _RectifiedGradient.apply(curvature, *context.saved_tensors, context.slope), None, None


# one operation ------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


class Function(nn.Module):
    """A function of tensors as a module without weights."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def look_up(table, name, noun):
    if name not in table:
        raise InputError(f"no PyTorch twin for the {noun} {name!r}; expected one of {', '.join(table)}; add it there")
    return table[name]


def _activated(module, operation):
    activation = look_up(ACTIVATIONS, operation.settings["activation"], "activation")()
    return module if isinstance(activation, nn.Identity) else nn.Sequential(module, activation)


def _filled(module, operation, axes=None, **names):
    """The module with its parameters or buffers copied from the arrays of these names, where the operation has them."""
    with torch.no_grad():
        for name, theirs in names.items():
            if theirs in operation.arrays:
                array = operation.arrays[theirs]
                array = array.transpose(axes) if axes and theirs == "kernel" else array
                getattr(module, name).copy_(torch.from_numpy(array))
    return module


def _dense(operation):
    module = nn.Linear(*operation.arrays["kernel"].shape, bias="bias" in operation.arrays)
    return _activated(_filled(module, operation, (1, 0), weight="kernel", bias="bias"), operation)


def _overlap(small, large, kernel, stride):
    """(before, after): what "same" padding adds to the larger side of a strided convolution, in pixels."""
    total = max((small - 1) * stride + kernel - large, 0)
    return total // 2, total - total // 2


def _overlaps(operation, small, large):
    """`_overlap` of both axes, of a convolution from the shape `large` to `small`, or transposed back."""
    if operation.settings["padding"] == "valid":
        return (0, 0), (0, 0)
    kernel = operation.arrays["kernel"].shape[:2]
    return tuple(map(_overlap, small[1:3], large[1:3], kernel, operation.settings["strides"]))


def _plain(operation):
    """Raises InputError for a convolution with dilation or groups."""
    if tuple(operation.settings["dilation_rate"]) != (1, 1) or operation.settings.get("groups", 1) != 1:
        raise InputError(f"{operation.name} has dilation or groups; expected a plain convolution; extend twins.py")


def _convolution(operation):
    _plain(operation)
    before, after = zip(*_overlaps(operation, operation.output_shape, operation.input_shape), strict=True)
    *size, inputs, outputs = operation.arrays["kernel"].shape
    strides, bias = operation.settings["strides"], "bias" in operation.arrays
    module = Convolution(inputs, outputs, tuple(size), strides, padding=before, bias=bias)
    if before != after:
        module.margins = (0, after[1] - before[1], 0, after[0] - before[0])
        module.mirrored = {"margins": None, "padding": after}
    return _activated(_filled_convolution(module, operation), operation)


def _transposed_convolution(operation):
    _plain(operation)
    before, after = zip(*_overlaps(operation, operation.input_shape, operation.output_shape), strict=True)
    *size, outputs, inputs = operation.arrays["kernel"].shape
    strides, bias = operation.settings["strides"], "bias" in operation.arrays
    module = TransposedConvolution(inputs, outputs, tuple(size), strides, padding=before, bias=bias)
    if before != after:
        surplus = after[0] - before[0], after[1] - before[1]
        module.margins = (0, -surplus[1], 0, -surplus[0])
        module.mirrored = {"margins": None, "padding": after, "output_padding": surplus}
    return _activated(_filled_convolution(module, operation), operation)


def _filled_convolution(module, operation):
    return _filled(module, operation, (3, 2, 0, 1), weight="kernel", bias="bias")


def _batch_normalization(operation):
    kind = nn.BatchNorm2d if len(operation.input_shape) == 4 else nn.BatchNorm1d
    # PyTorch's momentum is the share of the new batch, and Keras's that of the past.
    settings = operation.settings
    module = kind(operation.input_shape[-1], settings["epsilon"], 1 - settings["momentum"])
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    return _filled(module, operation, **names)


def _reshape(operation):
    shape = operation.output_shape[1:]
    return Function(lambda x: inward(outward(x).reshape(-1, *shape)))


def _margins(operation, sign):
    (top, bottom), (left, right) = operation.settings["padding" if sign > 0 else "cropping"]
    margins = [sign * pixels for pixels in (left, right, top, bottom)]
    return Function(lambda x: functional.pad(x, margins))


# A class of keras.layers or keras.ops, by name, to what makes a module of one such layer or operation.
TRANSLATIONS = {
    "Activation": lambda operation: _activated(nn.Sequential(), operation),
    "Add": lambda _: Function(torch.add),
    "BatchNormalization": _batch_normalization,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Cropping2D": lambda operation: _margins(operation, -1),
    "Dense": _dense,
    "DepthToSpace": lambda op: Function(lambda x: depth_to_space(x, op.settings["block_size"])),
    "Dropout": lambda operation: nn.Dropout(operation.settings["rate"]),
    "Flatten": _reshape,
    "LeakyReLU": lambda op: Function(lambda x: _Rectify.apply(x, op.settings["negative_slope"])),
    "ReLU": lambda operation: nn.LeakyReLU(operation.settings["negative_slope"]),
    "Reshape": _reshape,
    "SpaceToDepth": lambda op: Function(lambda x: space_to_depth(x, op.settings["block_size"])),
    "ZeroPadding2D": lambda operation: _margins(operation, 1),
}


# whole networks -----------------------------------------------------------------------------------------------


class Twin(nn.Module):
    """A `described.Network` as a PyTorch module, weights included.

    Raises:
        InputError: where the network has an operation that TRANSLATIONS lacks.
    """

    def __init__(self, network):
        super().__init__()
        self.operations = nn.ModuleList(
            look_up(TRANSLATIONS, operation.kind, "operation")(operation) for operation in network.operations
        )
        self.sources = [operation.sources for operation in network.operations]
        self.result = network.result
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        values = [inward(x)]
        for operation, sources in zip(self.operations, self.sources, strict=True):
            values.append(operation(*(values[position] for position in sources)))
        return outward(values[self.result]).float()

    def mirror(self):
        """Turns to the same network seen in a mirror, as far as PyTorch then spares copies; returns itself.

        A strided convolution with an odd kernel pads one pixel more on one side: TensorFlow at the far ends, PyTorch,
        without more ado, at the near ones. For speed it does not matter on which.
        """
        for module in self.modules():
            for name, value in getattr(module, "mirrored", {}).items():
                setattr(module, name, value)
        return self
