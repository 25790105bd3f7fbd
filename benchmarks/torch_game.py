"""The training step of `keras_gan.GAN` in PyTorch. This module does not import TensorFlow (see described.py).

What was tried to make PyTorch fast is told in step.py.
"""

import contextlib
import math
from fractions import Fraction

import torch
from torch.nn import functional
from twins import Twin, input_gradients_only, look_up

from keras_gan._utils.choices import AUTO
from keras_gan._utils.errors import InputError

softplus = functional.softplus
# As in keras_gan.losses: D's loss of (real logits, fake logits), G's of the same, and whether G's needs the real ones.
LOSSES = {
    "non_saturating": (
        lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
        lambda _, fake: softplus(-fake).mean(),
        False,
    ),
    "relativistic": (
        lambda real, fake: softplus(fake - real).mean(),
        lambda real, fake: softplus(real - fake).mean(),
        True,
    ),
}
SMALLEST_SLOPE = 1e-6  # as in keras_gan.gan.passes
PENALTIES = {"r1": 0, "r2": 1}  # which half of D's batch: real or generated images


def _adam(settings, parameters):
    """PyTorch's Adam with the settings of a serialized Keras one."""
    config = settings["config"]
    if settings["class_name"] != "Adam":
        raise InputError(f"the optimizer is {settings}; expected Adam; extend torch_game.py")
    optimizer = torch.optim.Adam(parameters, betas=(config["beta_1"], config["beta_2"]), fused=True)
    optimizer.param_groups[0]["keras_epsilon"] = config["epsilon"]
    optimizer.param_groups[0]["rate_at"] = _schedule(config["learning_rate"])
    return optimizer


def _schedule(rate):
    """The learning rate as a function of the steps made, from a number or the serialized form of a Keras schedule."""
    if isinstance(rate, float):
        return lambda step: rate
    config = rate["config"]
    if rate["class_name"] != "InverseTimeDecay" or config["staircase"]:
        raise InputError(f"the learning rate is {rate}; expected a number or InverseTimeDecay; extend torch_game.py")
    first, slope = config["initial_learning_rate"], config["decay_rate"] / config["decay_steps"]
    return lambda step: first / (1 + slope * step)


@contextlib.contextmanager
def _frozen(network):
    """Gradients of what is computed inside pass through the network, and not to its weights."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


class Step:
    """One training step of a compiled `keras_gan.GAN` in PyTorch, with k = 1 and normal noise.

    Args:
        game: the `described.Game` of the GAN.
        bfloat16: whether both networks run under autocast to bfloat16.
        one_pass: whether D's loss and the penalties share a backward pass, as in `keras_gan.gan.passes`.
        average: whether the moving average of G's weights is kept.

    Raises:
        InputError: where networks, loss, penalties or optimizers have no twin.
    """

    def __init__(self, game, bfloat16=True, average=True, one_pass=False):
        settings = game.settings
        self.game = game
        self.bfloat16, self.one_pass = bfloat16, one_pass
        self.generator, self.discriminator = Twin(game.generator), Twin(game.discriminator)
        self.average = Twin(game.average).requires_grad_(False) if average else None
        self.loss = look_up(LOSSES, settings["loss"], "loss")
        self.weights = [(look_up(PENALTIES, name, "penalty"), weight) for name, weight in settings["penalties"]]
        self.generator_optimizer = _adam(settings["generator_optimizer"], self.generator.parameters())
        self.discriminator_optimizer = _adam(settings["discriminator_optimizer"], self.discriminator.parameters())
        self.steps = 0

    def noise(self, batch_size):
        """Latents (batch_size, latent_dim) from N(0, 1)."""
        return torch.randn(batch_size, self.game.latent_dim)

    def __call__(self, real):
        """Updates D, then G, on images (batch, height, width, channels); returns d_loss, penalty, g_loss as tensors."""
        self.steps += 1
        d_loss, penalty = self._update_discriminator(real)
        g_loss = self._update_generator(real)
        self._update_average(len(real))
        return d_loss, penalty, g_loss

    def _update_discriminator(self, real):
        with torch.no_grad(), self._arithmetic():
            fake = self.generator(self.noise(len(real)))
        # The penalties are computed at a share of the images, spread evenly; the others have a pass of their own.
        share = Fraction(self.game.settings["penalty_share"]).limit_denominator(1_000) if self.weights else Fraction(0)
        chosen = torch.arange(len(real)) * share.numerator % share.denominator < share.numerator
        images = torch.cat([real[chosen], fake[chosen]]).requires_grad_()
        others = torch.cat([real[~chosen], fake[~chosen]])
        with self._arithmetic():
            passes = [self.discriminator(each) if len(each) else torch.zeros(0, 1) for each in (images, others)]
        if self.one_pass:
            return self._descend_in_one_pass(images, passes, real)
        loss = self.loss[0](*_real_and_fake(passes))
        penalty = torch.zeros(())
        if self.weights:
            with input_gradients_only():
                (input_gradients,) = torch.autograd.grad(passes[0].sum(), images, create_graph=True)
            penalty = self._penalty(input_gradients, real)
        self._descend(self.discriminator_optimizer, loss + penalty)
        return loss.detach(), penalty.detach()

    def _descend_in_one_pass(self, images, passes, real):
        parameters = list(self.discriminator.parameters())
        constant = [logits.detach().requires_grad_() for logits in passes]
        loss = self.loss[0](*_real_and_fake(constant))
        slopes, others = torch.autograd.grad(loss, constant)
        slopes = torch.where(slopes < 0, -1.0, 1.0) * slopes.abs().clamp(min=SMALLEST_SLOPE / len(slopes))
        of_images, *gradients = torch.autograd.grad(passes[0], [images, *parameters], slopes, create_graph=True)
        penalty = self._penalty(of_images / slopes.reshape(-1, 1, 1, 1), real)
        parts = [torch.autograd.grad(penalty, parameters, allow_unused=True)]
        if len(others):
            parts.append(torch.autograd.grad(passes[1], parameters, others))
        for parameter, *several in zip(parameters, gradients, *parts, strict=True):
            parameter.grad = sum(each.detach() for each in several if each is not None)
        self._apply(self.discriminator_optimizer)
        return loss.detach(), penalty.detach()

    def _penalty(self, input_gradients, real):
        """γ/2 E ‖∇D‖² at real or generated images, summed: R1 and R2."""
        squares = [half.square().sum((1, 2, 3)).mean() for half in input_gradients.chunk(2)]
        automatic = self._automatic_weight(real)
        return sum(0.5 * (automatic if weight == AUTO else weight) * squares[half] for half, weight in self.weights)

    def _automatic_weight(self, real):
        """`penalties.automatic_weight` in PyTorch."""
        # The mean over all pairs of two different images is twice the variance of a sample, summed over the pixels.
        return self.game.automatic_share * 2 * real.var(0).sum()

    def _update_generator(self, real):
        z = self.noise(len(real))
        # A context of its own: autocast keeps the weights that it has cast, and these would have no gradient.
        with torch.no_grad(), self._arithmetic():
            real_logits = self.discriminator(real) if self.loss[2] else None
        with _frozen(self.discriminator), self._arithmetic():
            logits = self.discriminator(self.generator(z))
        loss = self.loss[1](real_logits, logits)
        self._descend(self.generator_optimizer, loss)
        return loss.detach()

    def _arithmetic(self):
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16)

    def _descend(self, optimizer, objective):
        objective.backward(inputs=optimizer.param_groups[0]["params"])
        self._apply(optimizer)

    def _apply(self, optimizer):
        (group,) = optimizer.param_groups
        group["lr"] = group["rate_at"](self.steps - 1)
        # Keras adds ε to the root of the second moment before its bias is corrected, PyTorch after.
        group["eps"] = group["keras_epsilon"] / math.sqrt(1 - group["betas"][1] ** self.steps)
        optimizer.step()
        optimizer.zero_grad()

    def _update_average(self, batch_size):
        if self.average is None:
            return
        half_life = min(self.game.half_life_images, self.game.ramp * self.steps * batch_size)
        new = 1 - 0.5 ** (batch_size / half_life)
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), new)
        for mean, value in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            mean.copy_(value)


def _real_and_fake(passes):
    """The logits of real and of generated images, each half of every pass, both in the same order."""
    return map(torch.cat, zip(*(logits.chunk(2) for logits in passes), strict=True))


def losses(game, draws, batches, one_pass=False):
    """Rows of d_loss, penalty and g_loss of training in float32 with the noise `draws`, two in each step.

    Args:
        game: the `described.Game`.
        draws: latents, float32, each (batch, latent_dim).
        batches: of images, float32, one for each step.
        one_pass: as in `Step`.

    Returns:
        A list of rows of three numbers.
    """
    step = Step(game, bfloat16=False, one_pass=one_pass)
    draws = map(torch.from_numpy, draws)
    step.noise = lambda *_: next(draws)
    return [[float(value) for value in step(torch.from_numpy(real))] for real in batches]
