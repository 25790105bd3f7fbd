"""Unsupervised directions: the closed-form factorisation of the generator's first layer."""

import keras
import numpy as np

from keras_gan._utils.errors import InputError


def factorize(gan, count: int) -> dict[str, np.ndarray]:
    """The directions of z that the first layer amplifies most.

    They are the unit vectors v that maximise ‖Wv‖, where W is the first layer's matrix: the eigenvectors of WᵀW with
    the largest eigenvalues. A person has to look at their effect, and to name them.

    Args:
        gan: a `keras_gan.GAN` whose averaged generator begins with a dense layer.
        count: the number of directions, from 1 to the dimension of z.

    Returns:
        "factor 1", "factor 2", … -> float32 (latent_dim,) of unit length, whose largest number in size is positive.
        The largest eigenvalue comes first.

    Raises:
        InputError: where the generator is no Keras model, does not begin with a dense layer, or has fewer dimensions.

    Reference: Shen and Zhou 2021, Closed-form factorization of latent semantics in GANs (arXiv:2007.06600), eq. 4.
    """
    if not 1 <= count <= gan.latent_dim:
        raise InputError(
            f"{count} factors, and z has {gan.latent_dim} numbers; expected 1 to {gan.latent_dim} factors. Use "
            f"factors (--factors) from 1 to {gan.latent_dim}."
        )
    matrix = _first_matrix(gan)  # (latent_dim, units)
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    chosen = vectors.T[::-1][:count]
    signs = np.sign(chosen[np.arange(count), np.abs(chosen).argmax(1)])
    return {
        f"factor {number}": (sign * vector).astype("float32")
        for number, (sign, vector) in enumerate(zip(signs, chosen, strict=True), start=1)
    }


def _first_matrix(gan):
    generator = getattr(gan, "ema_generator", None)
    layers = generator._flatten_layers(include_self=False) if generator is not None else ()
    dense = next((layer for layer in layers if isinstance(layer, keras.layers.Dense)), None)
    rows = 0 if dense is None else dense.kernel.shape[0]
    # A generator that takes labels appends their embedding to z.
    if rows < gan.latent_dim or (rows > gan.latent_dim and gan.num_classes is None):
        raise InputError(
            "the generator does not begin with a dense layer of z; expected one, whose matrix gives the factors. Leave "
            "factors (--factors) out."
        )
    return np.asarray(keras.ops.convert_to_numpy(dense.kernel), "float64")[: gan.latent_dim]
