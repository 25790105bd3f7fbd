"""Unsupervised directions: the closed-form factorisation of the generator's first layer."""

import keras
import numpy as np

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents

PROBES, SAME, TINY = 16, 0.9999, 1e-12  # latents that show where z goes, the correlation of a multiple of a number of z


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
    """The rows of the first dense layer of z by which it multiplies z, float64 (latent_dim, units)."""
    generator = getattr(gan, "ema_generator", None)
    layers = compat.all_layers(generator, include_self=False) if generator is not None else ()
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    if gan.num_classes is None:
        found = [(layer, slice(None)) for layer in dense[:1] if layer.kernel.shape[0] == gan.latent_dim]
    else:  # z and what is made of the label may come in any order
        found = [(layer, rows) for layer in dense if (rows := _rows_of_z(gan, layer)) is not None]
    if not found:
        raise InputError(
            "the generator does not begin with a dense layer of z; expected one, whose matrix gives the factors. Leave "
            "factors (--factors) out."
        )
    layer, rows = found[0]
    return np.asarray(keras.ops.convert_to_numpy(layer.kernel), "float64")[rows]


def _rows_of_z(gan, layer):
    """Which inputs of a layer of a conditional generator are the numbers of z, or multiples of them; else None."""
    try:
        network = keras.Model(gan.ema_generator.inputs, layer.input)
    except (AttributeError, ValueError):  # inside another network, or used several times
        return None
    z = latents.of_seeds(np.arange(PROBES, dtype="int32"), gan.latent_dim, gan.latent)
    labels = np.zeros(PROBES, "int32")
    seen = keras.ops.convert_to_numpy(network([z, labels], training=False))
    if seen.ndim != 2:
        return None
    both = np.concatenate([z, seen], axis=1).astype("float64")
    both -= both.mean(axis=0)
    both /= np.maximum(np.linalg.norm(both, axis=0), TINY)
    alike = np.abs(both[:, : gan.latent_dim].T @ both[:, gan.latent_dim :]) > SAME  # (latent_dim, inputs)
    return alike.argmax(axis=1) if (alike.sum(axis=1) == 1).all() else None
