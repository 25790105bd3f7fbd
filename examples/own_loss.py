"""Your own loss and penalty, compared with a shipped recipe.

The loss is the logistic one with one-sided label smoothing (Salimans et al. 2016, arXiv:1606.03498, sec. 3.4): D is
trained to be sure of real images to 90 % only. The penalty allows every slope of D up to 1, and no steeper one
(Petzka et al. 2018, arXiv:1709.08894, eq. 8). The shipped recipe is the non-saturating loss with R1.

    python examples/own_loss.py

The script prints the Fréchet distance of both to scikit-learn's digits, with the baseline of real digits. Lower is
better, but one seed and 15 epochs each do not show which recipe is better.
"""

import argparse

import keras
from keras import ops

from keras_gan import GAN, data, metrics, networks
from keras_gan.losses import Loss, non_saturating_generator_loss
from keras_gan.penalties import Penalty, squared_norm

SURE = 0.9  # what D is to say of a real image


@keras.saving.register_keras_serializable("examples")  # so that gan.save can write their names
def smoothed_discriminator_loss(real_logits, fake_logits):
    """Cross-entropy against targets 0.9 of real and 0 of generated images; both logits are (batch, 1)."""
    real = SURE * ops.softplus(-real_logits) + (1 - SURE) * ops.softplus(real_logits)
    return ops.mean(real) + ops.mean(ops.softplus(fake_logits))


@keras.saving.register_keras_serializable("examples")
def too_steep(gradients):
    """E max(0, ‖∇D‖ - 1)²; gradients are (batch, height, width, channels)."""
    norm = ops.sqrt(squared_norm(gradients) + 1e-12)  # (batch,); the root of 0 has no derivative
    return ops.mean(ops.square(ops.relu(norm - 1.0)))


RECIPES = {
    "own: smoothed loss, slope at most 1": {
        "loss": Loss(discriminator=smoothed_discriminator_loss, generator=non_saturating_generator_loss),
        "penalties": {Penalty("between", too_steep): 10.0},  # between real and generated images
    },
    "shipped: non_saturating, r1": {"loss": "non_saturating", "penalties": {"r1": "auto"}},
}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=15)
epochs = parser.parse_args().epochs

digits = data.open_source("digits")
reference = metrics.Reference.of(digits, None, metrics.extractor(digits))  # None: digits hold no test images out
print("Fréchet distance to digits")
for name, recipe in RECIPES.items():
    keras.utils.set_random_seed(1)
    gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)), ema_half_life_images=10_000, seed=1)
    gan.compile(**recipe)
    gan.fit(data.load("digits", batch_size=32), epochs=epochs, shuffle=False, verbose=0)
    score = metrics.evaluate(gan.generate(reference.count, seed=0), reference, ["frechet"])["frechet_distance"]
    print(f"{name:40}{score.value:8.2f}")
print(f"{'real digits':40}{score.baseline:8.2f}")
