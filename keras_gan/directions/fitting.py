"""Directions by regression: which way in z an attribute grows, what comes along, and whether it works.

For normal z the weights of a regression of an attribute on z are its mean gradient (Stein 1981, Estimation of the mean
of a multivariate normal distribution, lemma 2), so they say how the attribute of an average picture answers a step.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents
from keras_gan.sampling.sliders import CLASS, Directions, Slider

FEWEST_SAMPLES, FEWEST_OF_A_CLASS = 100, 10
PART = 500  # pictures held at once
STEP = 0.5  # standard deviations: what a slider's step is measured at
LIMITS = tuple((np.arange(5, 41) / 20).tolist())  # in standard deviations: the widest is taken that keeps the class
LEAST_EFFECT = 0.7  # share of a step that a slider must make its attribute go
MOST_CROSS_TALK = 0.5  # what it may move a locked one by, as a share of its own
FACTOR_LIMIT = 3.0  # in standard deviations of z
KEPT, CLEAR = 0.9, 0.9  # share of pictures that keep their class; probability from which one is clearly of a class
ALPHAS = np.logspace(-1, 4, 11)  # of the ridge, chosen by cross-validation
PROBE = 0.3  # standard deviations of z between two pictures whose classes are compared
PROBED_IMAGES = 50_000  # at most, in all
MOVED = 1_000  # held-out samples that are moved, to see what changes
LEAST_METRIC = 0.01  # share of the mean eigenvalue that is added to all
FIRST_SEED = 2**30  # far from the seeds that people look at


@dataclass(frozen=True)
class Figures:
    """What was measured of one slider on held-out samples; changes are in standard deviations of each attribute."""

    r2: float | None  # of the regression; None for factors
    std: float | None  # of the attribute among the samples, in its unit
    unit: str | None
    own_step: float | None  # its mean change for a step of `STEP`
    own_range: float | None  # its mean change from -limit to limit
    alone: dict[str, float]  # the other attributes' mean changes, as shares of its own, with nothing locked; a step
    cross_talk: dict[str, float]  # the same with the locks
    cross_talk_range: dict[str, float]  # the same over the whole range
    class_kept: float | None  # share of pictures whose most probable class stays, a step to either side
    clear_kept: float | None  # the same of the pictures that are clearly of a class
    clear_kept_range: float | None  # the same at the ends of the range
    locks: tuple[str, ...]


@dataclass(frozen=True)
class Fitted(Directions):
    """Directions with what they were made of, so that other locks can be chosen, and what was measured of them.

    Attributes:
        weights: name -> float32 (latent_dim,), the attribute in standard deviations as a linear function of z.
        quiet: name -> float32 (latent_dim,), the same weights turned to where the class changes least; None where
            the class is not known.
        figures: name -> `Figures`.
        refused: name -> why it is no slider.
        step: training step of the generator.
    """

    weights: dict[str, np.ndarray]
    quiet: dict[str, np.ndarray] | None
    figures: dict[str, Figures] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    step: int | None = None

    def vector(self, name: str, locks: tuple[str, ...]) -> np.ndarray:
        """What is added to z for one standard deviation more of an attribute, while the predicted change of the locked
        ones is zero.

        Among all such vectors δ it is the shortest, or with the lock "class" that of the smallest δᵀMδ, where M is the
        mean Fisher information of the class about z; factors move one standard deviation of z.

        Args:
            name: of a slider.
            locks: names of others, and "class".

        Returns:
            float32 (latent_dim,).

        Raises:
            InputError: where a name is unknown.
        """
        kind = self[name].kind
        rows = [name, *(lock for lock in locks if lock not in (name, CLASS))]
        weights = np.stack([self.weights[self[row].name] for row in rows]).astype("float64")
        quiet = CLASS in locks and self.quiet is not None and kind != "factor"
        lifted = np.stack([self.quiet[row] for row in rows]).astype("float64") if quiet else weights
        vector = np.linalg.lstsq(weights @ lifted.T, np.eye(len(rows))[0], rcond=None)[0] @ lifted
        return (vector / np.linalg.norm(vector) if kind == "factor" else vector).astype("float32")

    def of(self, sliders, figures, refused) -> "Fitted":
        """The same with these sliders only."""
        kept = [slider.name for slider in sliders]
        return replace(
            self,
            sliders=tuple(sliders),
            weights={name: self.weights[name] for name in kept},
            quiet=self.quiet and {name: self.quiet[name] for name in kept},
            figures={name: figures[name] for name in kept},
            refused=refused,
        )

    def locking(self, locks: tuple[str, ...]) -> Directions:
        """The same sliders with these attributes locked for all of them, except each for itself."""
        moved = (Slider(s.name, s.kind, self.vector(s.name, locks), s.limit) for s in self.sliders)
        return Directions(self.latent, tuple(moved))


def fit(gan, readers, locks, samples: int, factor_count: int, least_r2: float) -> Fitted:
    """Finds directions and measures what they do.

    Args:
        gan: a `keras_gan.sampling.generators.Generator`.
        readers: of its pictures, `keras_gan.directions.reading.Readers`.
        locks: names that stay as they are while others move, with "class" for the class; None for each measure's own
            and the class.
        samples: regressed on; a fifth as many more are held out.
        factor_count: directions of the first layer, unsupervised; see `factors.factorize`.
        least_r2: on held-out samples, below which an attribute is refused.

    Returns:
        Directions of all attributes that work, in the order of `readers`, and factors after them.

    Raises:
        InputError: for too few samples or an unknown lock.
    """
    return _Fit(gan, readers, samples, least_r2).run(locks, factor_count)


class _Fit:
    """One fit: the samples, what was read from them, and the measurements on held-out ones."""

    def __init__(self, gan, readers, samples, least_r2):
        fewest = max(FEWEST_SAMPLES, FEWEST_OF_A_CLASS * (gan.num_classes or 0))
        if samples < fewest:
            raise InputError(f"{samples} samples; expected at least {fewest}; give samples (--samples) in that range")
        self.gan, self.readers, self.least_r2 = gan, readers, least_r2
        count = max(fewest, samples // 5)
        z = latents.draw(samples + count, gan.latent_dim, gan.latent, FIRST_SEED)
        self.z, self.held_out, self.moved = z[:samples], z[samples:], z[samples : samples + MOVED]
        self.before = self._classes(self.moved)

    def _draw(self, z):
        """The pictures of z part by part, each part uint8 (m, h, w, c), so that many large ones take no more memory."""
        labels = latents.choose_labels(len(z), self.gan.num_classes)
        for start in range(0, len(z), PART):
            part = slice(start, start + PART)
            yield self.gan.generate(z=z[part], **({} if labels is None else {"labels": labels[part]}))

    def _read(self, z):
        """The attributes of the pictures of z, float64 (n, attributes)."""
        return np.concatenate([self.readers.read(images) for images in self._draw(z)])

    def _classes(self, z):
        """The probabilities of the classes of the pictures of z, (n, classes); None where none are known."""
        classify = self.readers.classify
        return classify and np.concatenate([classify(images) for images in self._draw(z)])

    def _both(self, z):
        """What `_read` and `_classes` give, of pictures that are drawn once."""
        classify = self.readers.classify
        parts = [(self.readers.read(images), classify and classify(images)) for images in self._draw(z)]
        read, classes = zip(*parts, strict=True)
        return np.concatenate(read), classify and np.concatenate(classes)

    def run(self, locks, factor_count):
        from keras_gan.directions import factors  # which needs Keras; the rest of this room is read by pages too

        names = self.readers.names
        weights, self.r2, self.stds = self._regress()
        _check_locks(locks, names)
        working = [name for name in names if self.r2[name] >= self.least_r2]
        factor = factors.factorize(self.gan, factor_count) if factor_count else {}
        weights = {**{name: weights[name] for name in working}, **factor}
        kinds = {name: reading.kind for reading in self.readers.readings for name in reading.names}
        plain = tuple(Slider(name, kinds.get(name, "factor"), vector, 1.0) for name, vector in weights.items())
        fitted = Fitted(self.gan.latent, plain, weights, self._quiet(weights), step=getattr(self.gan, "step", None))
        refused = {name: f"R² {r2:.2f}" for name, r2 in self.r2.items() if r2 < self.least_r2}
        return self._measured(fitted, locks, refused)

    def _regress(self):
        """Weights, held-out R² and standard deviation of every attribute, by name."""
        from sklearn.linear_model import RidgeCV

        read, held_out_read = self._centred(self._read(self.z), self._read(self.held_out))
        weights, r2, stds = {}, {}, {}
        for name, values, held_out in zip(self.readers.names, read.T, held_out_read.T, strict=True):
            mean, std = values.mean(), values.std()
            stds[name] = float(std)
            if std < 1e-9 or held_out.std() < 1e-9:  # the same in every picture
                r2[name] = 0.0
                continue
            ridge = RidgeCV(ALPHAS).fit(self.z, (values - mean) / std)
            weights[name] = ridge.coef_.astype("float32")
            r2[name] = float(ridge.score(self.held_out, (held_out - mean) / std))
        return weights, r2, stds

    def _centred(self, read, held_out_read):
        """What was read of the samples and of the held-out ones; of a generator with labels, less each class's mean,
        since z does not choose the class."""
        classes = self.gan.num_classes
        if classes is None:
            return read, held_out_read
        labels, held_out = (latents.choose_labels(len(z), classes) for z in (self.z, self.held_out))
        means = np.stack([read[labels == label].mean(0) for label in range(classes)])
        return read - means[labels], held_out_read - means[held_out]

    def _quiet(self, weights):
        """M⁻¹ w for all weights, M the Fisher information of the class about z; None where no class is known."""
        if self.readers.classify is None or not weights:
            return None
        metric = self._fisher()
        metric += LEAST_METRIC * np.trace(metric) / len(metric) * np.eye(len(metric))
        return {name: np.linalg.solve(metric, vector).astype("float32") for name, vector in weights.items()}

    def _fisher(self):
        """The mean over z of 4 JᵀJ, where J is the Jacobian of the square roots of the class probabilities, by
        differences: float64 (latent_dim, latent_dim). Amari 1985, Differential-geometrical methods in statistics."""
        dim = self.gan.latent_dim
        z = self.z[: max(1, PROBED_IMAGES // (2 * dim))]
        input_gradients = []
        for axis in np.eye(dim, dtype="float32") * PROBE / 2:
            ahead, behind = (np.sqrt(self._classes(z + side)) for side in (axis, -axis))
            input_gradients.append((ahead - behind) / PROBE)
        jacobian = np.stack(input_gradients, axis=-1).astype("float64")  # (n, classes, dim)
        return 4 * np.einsum("nkd,nke->de", jacobian, jacobian) / len(z)

    def _measured(self, fitted, locks, refused):
        """The directions with their locks and limit, what was measured of them, and what does not work."""
        sliders, figures, failed = [], {}, {}
        for slider in fitted.sliders:
            name = slider.name
            chosen = self._locks(fitted, name, locks)
            vector = fitted.vector(name, chosen)
            limit = self._limit(vector, slider.kind, CLASS in chosen)
            sliders.append(Slider(name, slider.kind, vector, limit))
            figures[name] = self._figures(sliders[-1], fitted.vector(name, ()), chosen)
            if why := _failure(figures[name]):
                failed[name] = why
        smaller = fitted.of([slider for slider in sliders if slider.name not in failed], figures, {**refused, **failed})
        if any(name in figures[other].locks for name in failed for other in smaller.names):
            return self._measured(smaller, locks, smaller.refused)  # what fails locks nothing
        return smaller

    def _locks(self, fitted, name, locks):
        """The locks of one slider: what was asked for, else its own; of what works only."""
        if locks is None:
            own = {key: value for reading in self.readers.readings for key, value in reading.locks.items()}
            locks = (*own.get(name, ()), *([CLASS] if fitted[name].kind in ("measured", "attribute") else []))
        known = {*fitted.weights, *([CLASS] if fitted.quiet is not None else [])} - {name}
        return tuple(lock for lock in locks if lock in known)

    def _limit(self, vector, kind, keeps_class):
        """The widest of `LIMITS` at whose ends clear pictures keep their class, where that is locked."""
        if kind == "factor":
            return FACTOR_LIMIT
        if not keeps_class:
            return LIMITS[-1]
        # The wider, the fewer keep it.
        low, high = 0, len(LIMITS) - 1
        while low < high:
            middle = (low + high + 1) // 2
            kept = self._kept([self._classes(end) for end in self._ends(vector, LIMITS[middle])])
            low, high = (middle, high) if kept[1] >= KEPT else (low, middle - 1)
        return LIMITS[low]

    def _ends(self, vector, amount):
        """The moved samples' latents, `amount` to either side: two of (n, latent_dim)."""
        ends = (self.moved + np.float32(side * amount) * vector for side in (-1, 1))
        return [np.clip(end, -1, 1) if self.gan.latent == "uniform" else end for end in ends]

    def _kept(self, sides):
        """The share of moved samples, and of those that are clearly of a class, whose class stays; sides are the
        probabilities at either end."""
        stays = np.mean([side.argmax(1) == self.before.argmax(1) for side in sides], axis=0)  # (n,): 0, ½ or 1
        clear = self.before.max(1) >= CLEAR
        return float(stays.mean()), float(stays[clear].mean()) if clear.any() else 0.0

    def _effect(self, vector, amount):
        """What a move from -amount to amount does: each attribute's mean change in its standard deviations, by name,
        and the shares of `_kept`."""
        (behind, *sides), (ahead, *more) = (self._both(end) for end in self._ends(vector, amount))
        means = (ahead - behind).mean(0)
        stds = self.stds.items()
        changes = {name: float(mean) / max(std, 1e-9) for (name, std), mean in zip(stds, means, strict=True)}
        return changes, (None, None) if self.before is None else self._kept([*sides, *more])

    def _figures(self, slider, alone, locks):
        name = slider.name
        units = {n: u for reading in self.readers.readings for n, u in zip(reading.names, reading.units, strict=True)}
        free, _ = self._effect(alone, STEP)
        step, kept = self._effect(slider.vector, STEP)
        wide, kept_at_ends = self._effect(slider.vector, slider.limit)
        own = name in step
        return Figures(
            r2=self.r2.get(name),
            std=self.stds.get(name),
            unit=units.get(name),
            own_step=step[name] / 2 if own else None,
            own_range=wide[name] if own else None,
            alone=_shares(free, name),
            cross_talk=_shares(step, name),
            cross_talk_range=_shares(wide, name),
            class_kept=kept[0],
            clear_kept=kept[1],
            clear_kept_range=kept_at_ends[1],
            locks=locks,
        )


def _failure(one):
    """Why a slider does not do what it says; None where it does."""
    if one.own_step is None:
        return None
    if one.own_step < LEAST_EFFECT * STEP:
        return f"a step of {STEP:g} moves it by {one.own_step:+.2f}"
    locked = {name: share for name, share in one.cross_talk.items() if name in one.locks}
    name = max(locked, key=lambda key: abs(locked[key]), default=None)
    if name and abs(locked[name]) > MOST_CROSS_TALK:
        return f"moves {name} by {locked[name]:+.2f} of its own"
    return None


def _shares(changes, name):
    """The others' changes as shares of the attribute's own; of a factor, which has none, as they are."""
    own = changes.get(name, 1.0)
    own = own if abs(own) > 1e-9 else np.inf
    return {other: change / own for other, change in changes.items() if other != name}


def _check_locks(locks, names):
    for lock in locks or ():
        if lock not in (*names, CLASS):
            raise InputError(f"no attribute {lock!r:.70} to lock; expected {', '.join(names)} or {CLASS}")
