"""The training step of `keras_gan.GAN` in PyTorch, and whether both engines compute the same losses.

What was tried to make PyTorch fast is told in step.py.
"""

import contextlib
import math

import keras
import numpy as np
import torch
from torch.nn import functional
from twins import Twin, input_gradients_only, look_up

from keras_gan import ema
from keras_gan._utils.choices import AUTO
from keras_gan._utils.errors import InputError
from keras_gan.penalties import AUTO_SHARE

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
        gan: the GAN; its weights are copied.
        bfloat16: whether both networks run under autocast to bfloat16.
        average: whether the moving average of G's weights is kept.

    Raises:
        InputError: where networks, loss, penalties or optimizers have no twin.
    """

    def __init__(self, gan, bfloat16=True, average=True):
        settings = gan.get_compile_config()
        self.gan = {"latent_dim": gan.latent_dim, "half_life": gan.ema_half_life_images}
        self.bfloat16 = bfloat16
        self.generator, self.discriminator = Twin(gan.generator), Twin(gan.discriminator)
        self.average = Twin(gan.ema_generator).requires_grad_(False) if average else None
        self.loss = look_up(LOSSES, settings["loss"], "loss")
        self.weights = [(look_up(PENALTIES, name, "penalty"), weight) for name, weight in settings["penalties"]]
        self.generator_optimizer = _adam(settings["generator_optimizer"], self.generator.parameters())
        self.discriminator_optimizer = _adam(settings["discriminator_optimizer"], self.discriminator.parameters())
        self.steps = 0

    def noise(self, batch_size):
        """Latents (batch_size, latent_dim) from N(0, 1)."""
        return torch.randn(batch_size, self.gan["latent_dim"])

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
        images = torch.cat([real, fake]).requires_grad_(bool(self.weights))
        with self._arithmetic():
            logits = self.discriminator(images)
        loss = self.loss[0](*logits.chunk(2))
        penalty = self._penalty(images, logits) if self.weights else torch.zeros(())
        self._descend(self.discriminator_optimizer, loss + penalty)
        return loss.detach(), penalty.detach()

    def _penalty(self, images, logits):
        """γ/2 E ‖∇D‖² at real or generated images, summed: R1 and R2."""
        with input_gradients_only():
            (input_gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        squares = [half.square().sum((1, 2, 3)).mean() for half in input_gradients.chunk(2)]
        automatic = _automatic_weight(images.detach().chunk(2)[0])
        return sum(0.5 * (automatic if weight == AUTO else weight) * squares[half] for half, weight in self.weights)

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
        (group,) = optimizer.param_groups
        objective.backward(inputs=group["params"])
        group["lr"] = group["rate_at"](self.steps - 1)
        # Keras adds ε to the root of the second moment before its bias is corrected, PyTorch after.
        group["eps"] = group["keras_epsilon"] / math.sqrt(1 - group["betas"][1] ** self.steps)
        optimizer.step()
        optimizer.zero_grad()

    def _update_average(self, batch_size):
        if self.average is None:
            return
        half_life = min(self.gan["half_life"], ema.RAMP * self.steps * batch_size)
        new = 1 - 0.5 ** (batch_size / half_life)
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), new)
        for mean, value in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            mean.copy_(value)


def _automatic_weight(real):
    """`penalties.automatic_weight` in PyTorch."""
    # The mean over all pairs of two different images is twice the variance of a sample of n, summed over the pixels.
    return AUTO_SHARE * 2 * real.var(0).sum()


# do they agree? -----------------------------------------------------------------------------------------------


def shake(gan, seed):
    """Moves all trained weights at random, so that branches which start at zero count in a comparison."""
    rng = np.random.default_rng(seed)
    for weight in gan.trainable_variables:
        weight.assign_add(0.02 * rng.standard_normal(weight.shape, "float32"))
    gan.ema_generator.set_weights(gan.generator.get_weights())


def keras_losses(model, draws, batches):
    """Rows of d_loss, penalty and g_loss from `train_step` of a GAN that gets the noise `draws`, two in each step."""
    draws = iter(draws)
    # `GAN` and the textbook's class call the method that draws noise by different names.
    setattr(model, "_noise" if hasattr(model, "_noise") else "noise", lambda *_: next(draws))
    rows = []
    for real in batches:
        model.reset_metrics()  # the logs are running means
        logs = model.train_step(keras.ops.convert_to_tensor(real))
        rows.append([float(logs.get(name, 0.0)) for name in ("d_loss", "penalty", "g_loss")])
    return np.array(rows)


def torch_losses(step, draws, batches):
    """The same of a `Step`."""
    draws = map(torch.from_numpy, draws)
    step.noise = lambda *_: next(draws)
    return np.array([[float(value) for value in step(torch.from_numpy(real))] for real in batches])


def disagreement(gan, models, batches, seed=0) -> float:
    """The largest relative difference of any loss between PyTorch and Keras while both train in float32.

    Args:
        gan: the compiled `keras_gan.GAN` of which PyTorch trains the twin.
        models: further compiled models with the same `generator` and `discriminator`, which take the GAN's weights.
        batches: of images, float32, one for each step.
        seed: of the noise.
    """
    shake(gan, seed)
    for model in (gan, *models):
        # Large, for the sign of a gradient near zero is rounding, and must not decide which way a weight goes.
        model.generator_optimizer.epsilon = model.discriminator_optimizer.epsilon = 1e-3
    for model in models:
        model.generator.set_weights(gan.generator.get_weights())
        model.discriminator.set_weights(gan.discriminator.get_weights())
    rng = np.random.default_rng(seed)
    draws = [rng.standard_normal((len(real), gan.latent_dim), "float32") for real in batches for _ in range(2)]
    mine = torch_losses(Step(gan, bfloat16=False), draws, batches)
    theirs = [keras_losses(model, draws, batches) for model in (gan, *models)]
    return max(float(np.max(np.abs(mine - t) / np.maximum(np.abs(t), 1e-12))) for t in theirs)
