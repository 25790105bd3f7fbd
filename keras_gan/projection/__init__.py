"""Your own picture in a generator: the latent whose picture is nearest to it.

An encoder, trained once for each generator on pairs of latents and their pictures, gives the start. Gradient descent on
z then reduces the difference.

References: Zhu et al. 2016, Generative visual manipulation on the natural image manifold (arXiv:1609.03552), for the
encoder as a start; Creswell and Bharath 2018, Inverting the generator of a GAN (arXiv:1802.05701), for the penalty.
"""

from dataclasses import dataclass

import numpy as np

from keras_gan._utils.errors import InputError

STEPS = 300  # of gradient descent
# Names of files: in a run folder, and three of those that `kgan project` writes. The demo reads them without Keras.
ENCODER, ORIGINAL, LATENT, FACTS = "encoder.npz", "original.png", "z.npy", "projection.json"


@dataclass(frozen=True)
class Projection:
    """The nearest pictures that a generator draws of some images.

    Attributes:
        z: their latents, float32 (n, latent_dim), for `generate(z=…, labels=…)`, sliders and interpolation.
        labels: their classes, int32 (n,); None where the generator takes no labels.
        images: the pictures of z, uint8 (n, height, width, channels).
        errors: root mean square error of each picture, in grey levels from 0 to 255, float64 (n,).
        start_images: the pictures of the latents from which the descent started, as `images`.
        start_errors: their errors, as `errors`.
    """

    z: np.ndarray
    labels: np.ndarray | None
    images: np.ndarray
    errors: np.ndarray
    start_images: np.ndarray
    start_errors: np.ndarray


def project(gan, images, encoder=None, steps=STEPS) -> Projection:
    """Finds the latents whose pictures are nearest to some images.

    Args:
        gan: a `keras_gan.GAN` of images.
        images: uint8 (n, height, width, channels), of the size that the generator draws.
        encoder: result of `train_encoder` for this generator; None to train one, which takes a few minutes at 64×64.
        steps: the number of steps of gradient descent; 0 for the encoder's answer.

    Returns:
        A `Projection`.

    Raises:
        InputError: for a GAN of vectors, and for images of another shape or dtype.

    Example:
        >>> from keras_gan import GAN, networks, projection
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> found = projection.project(gan, gan.generate(2, seed=1), projection.train_encoder(gan, steps=5), steps=5)
        >>> found.z.shape, bool((found.errors <= found.start_errors).all())
        ((2, 64), True)
    """
    from keras_gan.projection import descent

    images = np.asarray(images)
    if len(gan.data_shape) != 3 or images.shape[1:] != gan.data_shape or images.dtype != np.uint8 or not len(images):
        raise InputError(
            f"images {images.dtype} of shape {images.shape}; expected uint8 (n, height, width, channels) of the shape "
            f"{gan.data_shape} that the generator draws. Resize them, or use a GAN of images."
        )
    return descent.project(gan, images, encoder or train_encoder(gan), steps)


def train_encoder(gan, steps=None, seed=0):
    """Trains a network that answers a picture with the latent that drew it.

    Args:
        gan: a `keras_gan.GAN` of images.
        steps: the number of training steps; None for the default.
        seed: seed of its weights and of the latents.

    Returns:
        A `keras_gan.projection.encoder.Encoder` for `project`.

    Raises:
        InputError: for a GAN of vectors.
    """
    from keras_gan.projection import encoder

    if len(gan.data_shape) != 3:
        raise InputError(f"data of shape {gan.data_shape} are not images; expected a GAN of images. Use one of images.")
    return encoder.train(gan, steps or encoder.STEPS, seed)
