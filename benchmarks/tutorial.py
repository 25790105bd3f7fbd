"""The TensorFlow tutorial's DCGAN for 28×28 grey images, and the training step that textbooks show for it.

What the benchmarks compare with: the networks of tensorflow.org/tutorials/generative/dcgan, and a `keras.Model` with
a `train_step` as in Keras's DCGAN example (keras.io/examples/generative/dcgan_overriding_train_step).
"""

import keras
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN

IMAGE_SHAPE = (28, 28, 1)
LATENT_DIM = 100
BATCH_SIZE = 256


def optimizer() -> keras.optimizers.Optimizer:
    """Adam with the tutorial's learning rate; β and ε are Keras's defaults, .9, .999 and 1e-7."""
    return keras.optimizers.Adam(1e-4)


def _normalized(x, dtype):
    return layers.LeakyReLU(dtype=dtype)(layers.BatchNormalization(dtype=dtype)(x))


def _upward(x, filters, strides, dtype):
    x = layers.Conv2DTranspose(filters, 5, strides, padding="same", use_bias=False, dtype=dtype)(x)
    return _normalized(x, dtype)


def generator(dtype="float32") -> keras.Model:
    """Latents (batch, 100) to images (batch, 28, 28, 1) in [-1, 1], float32.

    `dtype` is the policy of all layers but the last, which computes in float32.
    """
    z = keras.Input((LATENT_DIM,), name="z")
    x = _normalized(layers.Dense(7 * 7 * 256, use_bias=False, dtype=dtype)(z), dtype)
    x = ops.reshape(x, (-1, 7, 7, 256))
    x = _upward(x, 128, 1, dtype)  # (batch, 7, 7, 128)
    x = _upward(x, 64, 2, dtype)  # (batch, 14, 14, 64)
    last = {"padding": "same", "use_bias": False, "activation": "tanh", "dtype": "float32"}
    return keras.Model(z, layers.Conv2DTranspose(1, 5, 2, **last)(x), name="generator")  # (batch, 28, 28, 1)


def _downward(x, filters, dropout, dtype):
    x = layers.LeakyReLU(dtype=dtype)(layers.Conv2D(filters, 5, 2, padding="same", dtype=dtype)(x))
    return layers.Dropout(dropout, dtype=dtype)(x)


def discriminator(dtype="float32", dropout=0.3) -> keras.Model:
    """Images (batch, 28, 28, 1) to logits (batch, 1), float32; `dtype` as in `generator`."""
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = _downward(image, 64, dropout, dtype)  # (batch, 14, 14, 64)
    x = _downward(x, 128, dropout, dtype)  # (batch, 7, 7, 128)
    return keras.Model(image, layers.Dense(1, dtype="float32")(layers.Flatten(dtype=dtype)(x)), name="discriminator")


class TextbookGAN(keras.Model):
    """G and D trained as Keras's example does it: fresh noise and a gradient tape for each, binary cross-entropy.

    It departs from the example in three points, so that it computes what `keras_gan.GAN` computes with the loss
    "non_saturating": D gives logits, D's loss is the sum over real and generated images and not their mean, and the
    labels have no noise. The networks run with training=True, which the example leaves to Keras.
    """

    def __init__(self, generator, discriminator, latent_dim=LATENT_DIM):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = latent_dim
        self.seed_generator = keras.random.SeedGenerator()

    def compile(self, generator_optimizer, discriminator_optimizer):
        """Keras's defaults for everything else: jit_compile "auto" switches XLA on."""
        super().compile()
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss]

    def noise(self, batch_size):
        """Latents (batch_size, latent_dim) from N(0, 1)."""
        return keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)

    def train_step(self, real):
        batch_size = ops.shape(real)[0]
        fake = self.generator(self.noise(batch_size), training=True)
        with tf.GradientTape() as tape:
            logits = self.discriminator(ops.concatenate([real, fake]), training=True)
            real_logits, fake_logits = ops.split(logits, 2)
            d_loss = self.cross_entropy(ops.ones_like(real_logits), real_logits)
            d_loss += self.cross_entropy(ops.zeros_like(fake_logits), fake_logits)
        self._descend(self.discriminator_optimizer, self.discriminator, tape, d_loss)

        z = self.noise(batch_size)
        with tf.GradientTape() as tape:
            logits = self.discriminator(self.generator(z, training=True), training=True)
            g_loss = self.cross_entropy(ops.ones_like(logits), logits)
        self._descend(self.generator_optimizer, self.generator, tape, g_loss)
        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}

    def _descend(self, optimizer, network, tape, loss):
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


def textbook_gan(dropout=0.3) -> TextbookGAN:
    """The networks in a compiled `TextbookGAN` with Keras's defaults: float32, and XLA on."""
    gan = TextbookGAN(generator(), discriminator(dropout=dropout))
    gan.compile(optimizer(), optimizer())
    return gan


def package_gan(dtype="float32", dropout=0.3) -> GAN:
    """The same game as a compiled `keras_gan.GAN`; `dtype` as in `generator`."""
    gan = GAN(generator(dtype), discriminator(dtype, dropout))
    gan.compile(optimizer(), optimizer(), "non_saturating")
    return gan
