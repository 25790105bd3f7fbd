"""Your own networks: a GAN takes any two Keras models.

The generator below is a functional model, the discriminator a Sequential one. Both learn scikit-learn's handwritten
digits, 8×8 pixels, which need no download.

    python examples/own_networks.py

The script prints both losses of every epoch and writes 64 digits to own_networks.png. After 5 epochs (--epochs 5) they
are strokes; after 40, the default, they are digits.
"""

import argparse

import keras
from keras import layers

from keras_gan import GAN, data, sampling


def generator(latent_dim=32):
    """Latents (batch, latent_dim) to images (batch, 8, 8, 1) in [-1, 1]."""
    z = keras.Input((latent_dim,))
    x = layers.Dense(4 * 4 * 64, activation="relu")(z)
    x = layers.Reshape((4, 4, 64))(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(layers.UpSampling2D()(x))  # (batch, 8, 8, 64)
    return keras.Model(z, layers.Conv2D(1, 3, padding="same", activation="tanh")(x))


def discriminator():
    """Images (batch, 8, 8, 1) to logits (batch, 1): no sigmoid at the end."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="leaky_relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="leaky_relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=40)
epochs = parser.parse_args().epochs

gan = GAN(generator(), discriminator(), ema_half_life_images=10_000, seed=1)
gan.compile()  # the default recipe: relativistic pairing, R1 and R2, rates that follow from the networks' widths
images = data.load("digits", batch_size=32)  # tf.data, float32 in [-1, 1]
history = gan.fit(images, epochs=epochs, shuffle=False, verbose=0).history  # they come shuffled
for epoch, (d_loss, g_loss) in enumerate(zip(history["d_loss"], history["g_loss"], strict=True), start=1):
    print(f"epoch {epoch:2}   D's loss {d_loss:.3f}   G's loss {g_loss:.3f}")

print("wrote", sampling.save(gan.generate(64, seed=7), "own_networks.png"))
