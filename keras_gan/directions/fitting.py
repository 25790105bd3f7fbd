"""Directions by regression on z: the direction of each attribute, and its effect on that attribute and on the others.

For normal z, the weights of a regression of an attribute on z are its mean gradient (Stein 1981, Estimation of the mean
of a multivariate normal distribution, lemma 2). So they give the average change of the attribute for a step in z.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from keras_gan._utils import progress
from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents
from keras_gan.sampling.sliders import CLASS, Directions, Slider

FEWEST_SAMPLES, FEWEST_OF_A_CLASS = 100, 10
BLOCK_IMAGES = 500  # pictures in memory at once
STEP = 0.5  # standard deviations: the step of a slider with which its effect is measured
LIMITS = tuple((np.arange(5, 41) / 20).tolist())  # in standard deviations: the widest is taken that keeps the class
LEAST_EFFECT = 0.7  # share of a step by which a slider must change its attribute
MOST_CROSS_TALK = 0.5  # largest allowed change of a locked attribute, as a share of the slider's own change
FACTOR_LIMIT = 3.0  # in standard deviations of z
LEAST_KEPT = 0.9  # share of pictures with a clear class that must keep it at the ends of a slider
CLEAR = 0.9  # probability from which the class of a picture counts as clear
ALPHAS = np.logspace(-1, 4, 11)  # strengths of the ridge regression, chosen by cross-validation
PROBE = 0.3  # standard deviations of z between two pictures whose class probabilities are compared
PROBED_IMAGES = 50_000  # upper limit of these pictures
MOVED_SAMPLES = 1_000  # held-out samples that are moved to measure the effect
LEAST_METRIC = 0.01  # share of the mean eigenvalue that is added to all eigenvalues
FIRST_SEED = 2**30  # far from the seeds that people look at


@dataclass(frozen=True)
class Measurements:
    """Measurements of one slider on held-out samples. Changes are in standard deviations of each attribute."""

    r2: float | None  # R² of the regression; None for factors
    largest_r2: float | None  # see `largest_r2`; None for factors
    std: float | None  # standard deviation of the attribute among the samples, in its unit
    unit: str | None
    own_step: float | None  # its mean change for a step of `STEP`
    own_range: float | None  # its mean change from -limit to limit
    unlocked: dict[str, float]  # mean changes of the other attributes in a step, as shares of its own, without locks
    cross_talk: dict[str, float]  # the same with the locks
    cross_talk_range: dict[str, float]  # the same over the whole range
    class_kept: float | None  # share of pictures that keep their most probable class after a step to either side
    clear_kept: float | None  # the same of the pictures with a clear class
    clear_kept_range: float | None  # the same at the ends of the range
    locks: tuple[str, ...]
    accuracy: float | None = None  # of the attribute's classifier on held-out images, balanced; None without one


@dataclass(frozen=True)
class Fitted(Directions):
    """Directions with the regression weights from which they follow, so that locks can be changed, and measurements.

    Attributes:
        weights: name -> float32 (latent_dim,), weights of the regression of the attribute, in standard deviations, on
            z.
        class_preserving: name -> float32 (latent_dim,), the same weights turned to directions in which the class
            changes least; None where there is no classifier.
        measurements: name -> `Measurements`.
        rejected: name -> the reason why the attribute has no slider.
        step: training step of the generator.
    """

    weights: dict[str, np.ndarray]
    class_preserving: dict[str, np.ndarray] | None
    measurements: dict[str, Measurements] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    step: int | None = None

    def vector(self, name: str, locks: tuple[str, ...]) -> np.ndarray:
        """The vector that, added to z, increases an attribute by one standard deviation and leaves the locked ones.

        Both changes are those that the regressions predict. Of all such vectors δ, this is the shortest, or with the
        lock "class" the one with the smallest δᵀMδ, where M is the mean Fisher information of the class about z. For a
        factor it has unit length.

        Args:
            name: name of a slider.
            locks: names of other sliders, and "class".

        Returns:
            float32 (latent_dim,).

        Raises:
            InputError: where a name is unknown.
        """
        kind = self[name].kind
        rows = [name, *(lock for lock in locks if lock not in (name, CLASS))]
        weights = np.stack([self.weights[self[row].name] for row in rows]).astype("float64")
        class_preserving = CLASS in locks and self.class_preserving is not None and kind != "factor"
        lifted = (
            np.stack([self.class_preserving[row] for row in rows]).astype("float64") if class_preserving else weights
        )
        vector = np.linalg.lstsq(weights @ lifted.T, np.eye(len(rows))[0], rcond=None)[0] @ lifted
        return (vector / np.linalg.norm(vector) if kind == "factor" else vector).astype("float32")

    def of(self, sliders, measurements, rejected) -> "Fitted":
        """The same directions with these sliders only."""
        names = [slider.name for slider in sliders]
        return replace(
            self,
            sliders=tuple(sliders),
            weights={name: self.weights[name] for name in names},
            class_preserving=self.class_preserving and {name: self.class_preserving[name] for name in names},
            measurements={name: measurements[name] for name in names},
            rejected=rejected,
        )

    def locking(self, locks: tuple[str, ...]) -> Directions:
        """The same sliders with these locks. A slider is never locked by its own attribute."""
        moved = (Slider(s.name, s.kind, self.vector(s.name, locks), s.limit) for s in self.sliders)
        return Directions(self.latent, tuple(moved))


def fit(gan, readers, locks, samples: int, factor_count: int, least_r2: float) -> Fitted:
    """Finds directions and measures their effect.

    Args:
        gan: a `keras_gan.sampling.generators.Generator`.
        readers: the attributes of its pictures, `keras_gan.directions.reading.Readers`.
        locks: names of attributes that must not change while others move, and "class" for the class; None for the
            default locks of each attribute.
        samples: the number of samples for the regression; a fifth of that number is added as held-out samples.
        factor_count: the number of unsupervised directions; see `factors.factorize`.
        least_r2: an attribute whose held-out R² is a lower share of the largest possible one is rejected.

    Returns:
        Directions of all attributes that are not rejected, in the order of `readers`, and factors after them.

    Raises:
        InputError: for too few samples or an unknown lock.
    """
    with progress.task("measuring images") as task:
        return _Fit(gan, readers, samples, least_r2, task).run(locks, factor_count)


def largest_r2(values: np.ndarray, scores: np.ndarray) -> float:
    """The largest R² that an attribute can have in a regression whose predictions are distributed like some scores.

    It is reached where the attribute depends on the score alone and never falls. For a yes/no attribute and normal
    scores it is φ(t)² / p(1 - p), where a share p of the scores is above t: 0.64 for p = 50 %, and 0.43 for 15 %. This
    is the factor between the observed scale and that of the liability in Dempster and Lerner 1950, Heritability of
    threshold characters.

    Args:
        values: the attribute, (n,).
        scores: the predictions, (n,), not all equal.

    Returns:
        The squared correlation of the sorted values with the sorted scores.
    """
    return float(np.corrcoef(np.sort(values), np.sort(scores))[0, 1] ** 2)


class _Fit:
    """The state of one fit: the samples, their attributes, and the measurements on held-out samples."""

    def __init__(self, gan, readers, samples, least_r2, task):
        fewest = max(FEWEST_SAMPLES, FEWEST_OF_A_CLASS * (gan.num_classes or 0))
        if samples < fewest:
            raise InputError(f"{samples} samples; expected at least {fewest}. Use samples (--samples) in that range.")
        self.gan, self.readers, self.least_r2 = gan, readers, least_r2
        count = max(fewest, samples // 5)
        z = latents.draw(samples + count, gan.latent_dim, gan.latent, FIRST_SEED)
        self.z, self.held_out, self.moved = z[:samples], z[samples:], z[samples : samples + MOVED_SAMPLES]
        self.task, self.drawn = task, 0
        self.before = self._classes(self.moved)

    def _draw(self, z):
        """The pictures of z in blocks, uint8 (m, height, width, channels), so that many of them do not fill memory."""
        labels = latents.choose_labels(len(z), self.gan.num_classes)
        for start in range(0, len(z), BLOCK_IMAGES):
            block = slice(start, start + BLOCK_IMAGES)
            yield self.gan.generate(z=z[block], **({} if labels is None else {"labels": labels[block]}))
            self.drawn += len(z[block])
            self.task.update(self.drawn)

    def _read(self, z):
        """The attributes of the pictures of z, float64 (n, attributes)."""
        return np.concatenate([self.readers.read(images) for images in self._draw(z)])

    def _classes(self, z):
        """The class probabilities of the pictures of z, (n, classes); None where there is no classifier."""
        classify = self.readers.classify
        return classify and np.concatenate([classify(images) for images in self._draw(z)])

    def _both(self, z):
        """The results of `_read` and `_classes`; the pictures are drawn once for both."""
        classify = self.readers.classify
        blocks = [(self.readers.read(images), classify and classify(images)) for images in self._draw(z)]
        read, classes = zip(*blocks, strict=True)
        return np.concatenate(read), classify and np.concatenate(classes)

    def run(self, locks, factor_count):
        from keras_gan.directions import factors  # needs Keras, unlike the rest of this package, which pages import

        names = self.readers.names
        weights, self.r2, self.largest, self.stds = self._regress()
        _check_locks(locks, names)
        # An attribute that never changes has no weights, whatever the least R² is.
        least = {name: self.least_r2 * self.largest.get(name, 1.0) for name in names if name in weights}
        working = [name for name in least if self.r2[name] >= least[name]]
        factor = factors.factorize(self.gan, factor_count) if factor_count else {}
        weights = {**{name: weights[name] for name in working}, **factor}
        kinds = {name: reading.kind for reading in self.readers.readings for name in reading.names}
        plain = tuple(Slider(name, kinds.get(name, "factor"), vector, 1.0) for name, vector in weights.items())
        fitted = Fitted(
            self.gan.latent, plain, weights, self._class_preserving(weights), step=getattr(self.gan, "step", None)
        )
        rejected = {name: self._r2_text(name) for name in names if name not in working}
        return self._measured(fitted, locks, rejected)

    def _r2_text(self, name):
        largest = f" of {self.largest[name]:.2f}" if name in self.largest else ""
        return f"R² {self.r2[name]:.2f}{largest}"

    def _regress(self):
        """Regression weights, held-out R², the largest possible one, and standard deviation of each attribute."""
        from sklearn.linear_model import RidgeCV

        read, held_out_read = self._centred(self._read(self.z), self._read(self.held_out))
        weights, r2, largest, stds = {}, {}, {}, {}
        for name, values, held_out in zip(self.readers.names, read.T, held_out_read.T, strict=True):
            mean, std = values.mean(), values.std()
            stds[name] = float(std)
            if std < 1e-9 or held_out.std() < 1e-9:  # the attribute is equal in all pictures
                r2[name] = 0.0
                continue
            ridge = RidgeCV(ALPHAS).fit(self.z, (values - mean) / std)
            weights[name] = ridge.coef_.astype("float32")
            r2[name] = float(ridge.score(self.held_out, (held_out - mean) / std))
            scores = ridge.predict(self.held_out)
            largest[name] = largest_r2(held_out, scores) if scores.std() > 1e-9 else 1.0
        return weights, r2, largest, stds

    def _centred(self, read, held_out_read):
        """The attributes of the samples and of the held-out samples. For a generator with labels, the mean of each
        class is subtracted, since z does not choose the class."""
        classes = self.gan.num_classes
        if classes is None:
            return read, held_out_read
        labels, held_out = (latents.choose_labels(len(z), classes) for z in (self.z, self.held_out))
        means = np.stack([read[labels == label].mean(0) for label in range(classes)])
        return read - means[labels], held_out_read - means[held_out]

    def _class_preserving(self, weights):
        """M⁻¹ w for all weights w, where M is the Fisher information of the class about z; None without classifier."""
        if self.readers.classify is None or not weights:
            return None
        metric = self._fisher()
        metric += LEAST_METRIC * np.trace(metric) / len(metric) * np.eye(len(metric))
        return {name: np.linalg.solve(metric, vector).astype("float32") for name, vector in weights.items()}

    def _fisher(self):
        """The mean over z of 4 JᵀJ, float64 (latent_dim, latent_dim), where J is the Jacobian of the square roots of
        the class probabilities, by finite differences. Amari 1985, Differential-geometrical methods in statistics."""
        dim = self.gan.latent_dim
        z = self.z[: max(1, PROBED_IMAGES // (2 * dim))]
        derivatives = []
        for axis in np.eye(dim, dtype="float32") * PROBE / 2:
            forward, backward = (np.sqrt(self._classes(z + side)) for side in (axis, -axis))
            derivatives.append((forward - backward) / PROBE)
        jacobian = np.stack(derivatives, axis=-1).astype("float64")  # (n, classes, dim)
        return 4 * np.einsum("nkd,nke->de", jacobian, jacobian) / len(z)

    def _measured(self, fitted, locks, rejected):
        """The directions with their locks and limit, what was measured of them, and what does not work."""
        sliders, measurements, failed = [], {}, {}
        for slider in fitted.sliders:
            name = slider.name
            chosen = self._locks(fitted, name, locks)
            vector = fitted.vector(name, chosen)
            limit = self._limit(vector, slider.kind, CLASS in chosen)
            sliders.append(Slider(name, slider.kind, vector, limit))
            measurements[name] = self._measurements(sliders[-1], fitted.vector(name, ()), chosen)
            if why := _failure(measurements[name]):
                failed[name] = why
        smaller = fitted.of(
            [slider for slider in sliders if slider.name not in failed], measurements, {**rejected, **failed}
        )
        if any(name in measurements[other].locks for name in failed for other in smaller.names):
            return self._measured(smaller, locks, smaller.rejected)  # a rejected attribute cannot be a lock
        return smaller

    def _locks(self, fitted, name, locks):
        """The locks of one slider: those that were asked for, or its default locks, without rejected attributes."""
        if locks is None:
            own = {key: value for reading in self.readers.readings for key, value in reading.locks.items()}
            locks = (*own.get(name, ()), *([CLASS] if fitted[name].kind in ("measured", "attribute") else []))
        known = {*fitted.weights, *([CLASS] if fitted.class_preserving is not None else [])} - {name}
        return tuple(lock for lock in locks if lock in known)

    def _limit(self, vector, kind, keeps_class):
        """The widest of `LIMITS` at whose ends clear pictures keep their class, where that is locked."""
        if kind == "factor":
            return FACTOR_LIMIT
        if not keeps_class:
            return LIMITS[-1]
        # Binary search: the wider the range, the fewer pictures keep their class.
        low, high = 0, len(LIMITS) - 1
        while low < high:
            middle = (low + high + 1) // 2
            kept = self._kept([self._classes(end) for end in self._ends(vector, LIMITS[middle])])
            low, high = (middle, high) if kept[1] >= LEAST_KEPT else (low, middle - 1)
        return LIMITS[low]

    def _ends(self, vector, amount):
        """Latents of the samples that are moved, by -amount and by amount: two arrays (n, latent_dim)."""
        ends = (self.moved + np.float32(side * amount) * vector for side in (-1, 1))
        return [np.clip(end, -1, 1) if self.gan.latent == "uniform" else end for end in ends]

    def _kept(self, sides):
        """The share of moved samples that keep their class: of all, and of those with a clear class. `sides` are the
        class probabilities at both ends."""
        same = np.mean([side.argmax(1) == self.before.argmax(1) for side in sides], axis=0)  # (n,): 0, ½ or 1
        clear = self.before.max(1) >= CLEAR
        return float(same.mean()), float(same[clear].mean()) if clear.any() else 0.0

    def _effect(self, vector, amount):
        """The effect of a move from -amount to amount: each attribute's mean change in its standard deviations, by
        name, and the shares of `_kept`."""
        (low, *sides), (high, *more) = (self._both(end) for end in self._ends(vector, amount))
        means = (high - low).mean(0)
        stds = self.stds.items()
        changes = {name: float(mean) / max(std, 1e-9) for (name, std), mean in zip(stds, means, strict=True)}
        return changes, (None, None) if self.before is None else self._kept([*sides, *more])

    def _measurements(self, slider, unlocked, locks):
        name = slider.name
        units = {n: u for reading in self.readers.readings for n, u in zip(reading.names, reading.units, strict=True)}
        classified = [reading for reading in self.readers.readings if reading.accuracies]
        accuracies = {n: a for reading in classified for n, a in zip(reading.names, reading.accuracies, strict=True)}
        free, _ = self._effect(unlocked, STEP)
        step, kept = self._effect(slider.vector, STEP)
        wide, kept_at_ends = self._effect(slider.vector, slider.limit)
        own = name in step
        return Measurements(
            r2=self.r2.get(name),
            largest_r2=self.largest.get(name),
            std=self.stds.get(name),
            unit=units.get(name),
            own_step=step[name] / 2 if own else None,
            own_range=wide[name] if own else None,
            unlocked=_shares(free, name),
            cross_talk=_shares(step, name),
            cross_talk_range=_shares(wide, name),
            class_kept=kept[0],
            clear_kept=kept[1],
            clear_kept_range=kept_at_ends[1],
            locks=locks,
            accuracy=accuracies.get(name),
        )


def _failure(one):
    """The reason why a slider is rejected; None where it works."""
    if one.own_step is None:
        return None
    if one.own_step < LEAST_EFFECT * STEP:
        return f"a step of {STEP:g} changes it by {one.own_step:+.2f}"
    locked = {name: share for name, share in one.cross_talk.items() if name in one.locks}
    name = max(locked, key=lambda key: abs(locked[key]), default=None)
    if name and abs(locked[name]) > MOST_CROSS_TALK:
        return f"it changes {name} by {locked[name]:+.2f} of its own change"
    return None


def _shares(changes, name):
    """The changes of the other attributes as shares of the attribute's own. A factor has none: they stay absolute."""
    own = changes.get(name, 1.0)
    own = own if abs(own) > 1e-9 else np.inf
    return {other: change / own for other, change in changes.items() if other != name}


def _check_locks(locks, names):
    for lock in locks or ():
        if lock not in (*names, CLASS):
            known = f"{', '.join(names)} or {CLASS}"
            raise InputError(f"no attribute {lock!r:.70} to lock; expected {known}. Use one of these names (--lock).")
