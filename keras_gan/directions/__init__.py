"""Directions in latent space along which attributes of the pictures grow: sliders, and how well they work.

Importing this and moving latents needs numpy alone; finding directions needs a generator and scikit-learn.
"""

from keras_gan._utils.errors import InputError
from keras_gan.sampling.sliders import Directions, Slider

__all__ = ["Directions", "Slider", "find", "fit", "load", "rename", "table"]

LEAST_R2 = 0.4  # below it the attribute of a single picture goes another way too often
SAMPLES = 10_000


def fit(gan, source=None, held_out=None, locks=None, samples=SAMPLES, factors=0, least_r2=LEAST_R2, class_names=None):
    """Finds the directions of a generator and measures what they do.

    Attributes are measured from pixels (of grey images thickness, slant, width, height, area and brightness; of colour
    images brightness, contrast and warmth), and, where the data are given, read by classifiers of their classes and
    yes/no attributes. Each is regressed on z; see `keras_gan.directions.fitting`.

    Args:
        gan: a `keras_gan.sampling.Generator` of images: a `GAN`, or what `keras_gan.exports.open_generator` gives.
        source: the data, as `data.open_source` gives them, for classes and attributes; None for pixels only.
        held_out: data that were held out, for how well the classifiers do.
        locks: names of attributes that stay as they are while others move, with "class" for the class; None for each
            attribute's own choice.
        samples: to regress on, at least 100; a fifth as many more are held out for all that is reported.
        factors: how many directions of the first layer to add, unsupervised.
        least_r2: an attribute whose held-out R² is below gets no slider.
        class_names: for the sliders of classes; None for the generator's own, or "class 0", ….

    Returns:
        A `keras_gan.directions.fitting.Fitted`, which is a `Directions`: `move`, `names`, `figures`, `refused`.

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
    """`fit`, whose outcome is kept in a `keras_gan.runs.Run` as directions.json and drawn as directions.png.

    Args:
        gan: the run's, as `training.load` gives it.
        run: the run.
        source: the run's data; None for pixels only.
        held_out: data that were held out; they tell how well classifiers do.
        settings: locks, samples, factors and least_r2 of `fit`.
    """
    from keras_gan.directions import record, showing

    found = fit(gan, source, held_out, class_names=run.class_names, **settings)
    record.save(found, run)
    showing.draw(found, gan, run)
    return found


def rename(gan, run, names):
    """Gives a run's directions other names, such as {"factor 1": "smile"}, and draws directions.png anew.

    Raises:
        InputError: where there are none yet, or for names that are unknown, taken or no names.
    """
    from keras_gan.directions import record, showing

    found = load(run)
    if found is None:
        raise InputError(f"{run.path} has no directions yet; expected some to rename; run kgan directions first")
    found = record.rename(found, names)
    record.save(found, run)
    showing.draw(found, gan, run)
    return found


def load(run):
    """The directions of a `keras_gan.runs.Run`, a `Fitted`; None where none were found yet.

    Raises:
        InputError: where directions.json is damaged.
    """
    from keras_gan.directions import record

    return record.load(run)


def table(found):
    """What was found and measured, as a text that `print` shows."""
    from keras_gan.directions import record

    return record.table(found)
