"""Directions in latent space that change one attribute of the pictures: sliders, and measurements of their effect.

Moving latents needs numpy and msgspec only. Finding directions needs a generator and scikit-learn.
"""

from keras_gan._utils.errors import InputError
from keras_gan.sampling.sliders import Directions, Slider

__all__ = ["Directions", "Slider", "find", "fit", "load", "rename", "table"]

LEAST_R2 = 0.4  # below it, too many single pictures change in the opposite way
SAMPLES = 10_000


def fit(gan, source=None, held_out=None, locks=None, samples=SAMPLES, factors=0, least_r2=LEAST_R2, class_names=None):
    """Finds the directions of a generator and measures their effect.

    Attributes are measured from pixels: thickness, slant, width, height, area and brightness of grey images;
    brightness, contrast and warmth of colour images. With `source`, classifiers predict the classes and the yes/no
    attributes of the data, too. Each attribute is regressed on z; see `keras_gan.directions.fitting`.

    Args:
        gan: a `keras_gan.sampling.Generator` of images: a `GAN`, or the result of
            `keras_gan.exports.open_generator`.
        source: the data, as `data.open_source` gives them, for classes and attributes; None for pixels only.
        held_out: held-out data, with which the accuracy of the classifiers is measured.
        locks: names of attributes that must not change while others move, and "class" for the class; None for the
            default locks of each attribute.
        samples: the number of samples for the regression, at least 100; a fifth of that number is added as held-out
            samples, on which all reported values are measured.
        factors: the number of unsupervised directions to add, from the first layer of the generator.
        least_r2: an attribute whose held-out R² is a lower share of the largest possible one gets no slider. A yes/no
            attribute that a straight border in z decides has an R² of 0.64 at most.
        class_names: names for the sliders of classes; None for the generator's own names, or "class 0", ….

    Returns:
        A `keras_gan.directions.fitting.Fitted`, which is a `Directions`: `move`, `names`, `measurements`, `rejected`.

    Raises:
        InputError: for data that are no images, too few samples, an unknown lock, or factors of a generator that does
            not begin with a dense layer.

    Example:
        >>> from keras_gan import GAN, directions, networks
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> found = directions.fit(gan, samples=100, factors=2, least_r2=0.0)
        >>> z = gan.inputs(4, seed=7)
        >>> gan.generate(z=found.move(z, **{"factor 1": 1.5})).shape
        (4, 8, 8, 1)

    Reference: Guan 2018, TL-GAN (github.com/SummitKwan/transparent_latent_gan); Shen et al. 2020, Interpreting the
    latent space of GANs for semantic face editing (arXiv:1907.10786).
    """
    from keras_gan.directions import fitting, reading

    names = class_names or getattr(gan, "class_names", None)
    seen = reading.readers(gan.data_shape, source, held_out, names, gan.num_classes is not None)
    return fitting.fit(gan, seen, locks, samples, factors, least_r2)


def find(gan, run, source=None, held_out=None, **settings):
    """Finds the directions of a run's generator by `fit`, and writes directions.json and directions.png into the run.

    Args:
        gan: the run's GAN, as `training.load` gives it.
        run: the `keras_gan.runs.Run`.
        source: the run's data; None for pixels only.
        held_out: held-out data, with which the accuracy of the classifiers is measured.
        settings: locks, samples, factors and least_r2 of `fit`.

    Returns:
        The `Fitted`, as from `fit`.

    Raises:
        InputError: as in `fit`.
    """
    from keras_gan.directions import record, showing

    found = fit(gan, source, held_out, class_names=run.class_names, **settings)
    record.save(found, run)
    showing.draw(found, gan, run)
    return found


def rename(gan, run, names):
    """Renames a run's directions, and draws directions.png again.

    Args:
        gan: the run's GAN.
        run: the `keras_gan.runs.Run`.
        names: present name -> new name, such as {"factor 1": "smile"}.

    Returns:
        The renamed `Fitted`.

    Raises:
        InputError: where the run has no directions yet, or for names that are unknown, taken or not allowed.
    """
    from keras_gan.directions import record, showing

    found = load(run)
    if found is None:
        raise InputError(f"{run.path} has no directions yet; expected some to rename. Run kgan directions first.")
    found = record.rename(found, names)
    record.save(found, run)
    showing.draw(found, gan, run)
    return found


def load(run):
    """The directions of a run.

    Args:
        run: the `keras_gan.runs.Run`.

    Returns:
        A `Fitted`; None where no directions were found yet.

    Raises:
        InputError: where directions.json is damaged.
    """
    from keras_gan.directions import record

    return record.load(run)


def table(found):
    """The sliders and their measurements as a table that `print` shows."""
    from keras_gan.directions import record

    return record.table(found)
