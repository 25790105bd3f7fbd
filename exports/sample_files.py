"""Files of samples for `kgan sample`: images, walks between seeds and sweeps of a slider, from any generator."""

import os
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from keras_gan import sampling
from keras_gan._utils.errors import InputError, Notice, first_line
from keras_gan._utils.run_folders import is_run
from keras_gan.sampling import generators, latents, sliders

SAMPLES, WALK_SEEDS, SWEEP_SEEDS = 64, 5, 16  # by default


@dataclass(frozen=True)
class Plan:
    """The samples to write, and their file. `Plan.of` creates it."""

    n: int  # number of samples, or of seeds in an animation
    seed: int  # seed of the first sample
    label: tuple[str, ...]  # names or numbers of classes: one for all samples, or those that an animation goes between
    amounts: Mapping[str, float]  # slider -> amount in standard deviations
    sweep: str | None  # the slider that an animation shows from end to end
    out: str
    seeds: tuple[int, ...] | None = None  # seeds in any order, instead of consecutive ones
    z: np.ndarray | None = None  # latents, float32 (n, latent_dim), instead of seeds
    truncation: float = 1.0  # factor of z, before the sliders move it
    frames: int = sampling.FRAMES  # pictures of an animation from one sample to the next, or of a sweep

    @classmethod
    def of(
        cls,
        n: int | None = None,
        seed: int | None = None,
        label: Sequence[str] = (),
        amounts: Sequence[tuple[str, float]] = (),
        sweep: str | None = None,
        out: str | None = None,
        seeds: tuple[int, ...] | None = None,
        z: Sequence[str] = (),
        truncation: float = 1.0,
        frames: int | None = None,
    ) -> "Plan":
        """A plan with defaults for the missing options. Raises InputError where options contradict each other.

        `z` are paths of .npy files with latents.
        """
        _check_amounts([name for name, _ in amounts], sweep)
        found = _latents(z) if z else None
        asked = {"-n or --seed": None if n is seed is None else True, "--seeds": seeds, "--z": found}
        asked = [option for option, value in asked.items() if value is not None]
        if len(asked) > 1:
            raise InputError(f"{' with '.join(asked)}; expected one of them. Leave the others out.")
        chosen = seeds if found is None else found
        n = n if chosen is None else len(chosen)
        out = out or (f"{_file_name(sweep)}.gif" if sweep else "samples.png")
        moving = sampling.is_animation(out)
        if sweep and not moving:
            remedy = f"Use --out {_file_name(sweep)}.gif."
            raise InputError(f"--sweep {sweep} with --out {out}; expected a .gif, a .webp or an .mp4. {remedy}")
        if len(label) > 1:
            n = _count_of_classes(label, n, moving and not sweep)
        n = n if n is not None else SWEEP_SEEDS if sweep else WALK_SEEDS if moving else SAMPLES
        sampling.check_out(out, max(n, len(label)))
        frames = frames or sampling.FRAMES
        return cls(n, seed or 0, tuple(label), dict(amounts), sweep, out, seeds, found, truncation, frames)

    def check(self, source: str | os.PathLike) -> None:
        """Raises InputError where a run has no such class or slider. It needs no TensorFlow, which takes seconds."""
        from keras_gan import directions
        from keras_gan.runs import Run

        run = Run(source)
        conditional = run.config.conditional
        classes = SimpleNamespace(
            num_classes=run.num_classes if conditional else None, class_names=run.class_names if conditional else None
        )
        for label in self.label:
            generators.class_number(classes, label)
        known = directions.load(run) or sliders.Directions(run.config.latent, ())
        known.mover({**self.amounts, **({self.sweep: 0.0} if self.sweep else {})})

    def write(self, source: str | os.PathLike, generator) -> str:
        """Draws and writes the samples.

        Args:
            source: path of the generator.
            generator: a `keras_gan.sampling.Generator`.

        Returns:
            A message with the number of samples and the path.

        Raises:
            InputError: for a class or a slider that the generator does not have, or a path that cannot be written.
        """
        classes = [generators.class_number(generator, label) for label in self.label]
        label = classes[0] if len(classes) == 1 else None  # of all samples
        known = _sliders(source, generator) if self.amounts or self.sweep else None
        move = self._truncated(known.mover(self.amounts) if self.amounts else None)
        if self.sweep or sampling.is_animation(self.out) or self._chosen:
            return self._write_latents(source, generator, label, classes, known, move)
        path = sampling.save(
            sampling.parts(generator, self.n, self.seed, label, move),
            self.out,
            self._classes(generator, label),
            generator.class_names,
        )
        return f"{self.n} samples in {path}"

    @property
    def _chosen(self):
        return self.z is not None or self.seeds is not None

    def _truncated(self, move):
        """A function that shrinks z and then moves it; None where nothing is to be done."""
        if self.truncation == 1:
            return move
        factor = np.float32(self.truncation)
        return (lambda z: factor * z) if move is None else (lambda z: move(factor * z))

    def _write_latents(self, source, generator, label, classes, known, move):
        """Draws and writes the samples of latents that are held in memory at once."""
        if self.z is None:
            seeds = latents.seeds(self.n, self.seed) if self.seeds is None else np.array(self.seeds, "int32")
            z, labels = sampling.of_seeds(generator, seeds, label)
        else:
            z, *labels = latents.columns(
                None, generator.latent_dim, num_classes=generator.num_classes, labels=label, z=self.z
            )
            labels = labels[0] if labels else None
        what = f"{len(z)} {'seed' if self.z is None else 'latent'}{'s' * (len(z) > 1)}"
        if self.sweep:
            moves, limit = known.sweep(self.sweep, self.frames, self.amounts), known[self.sweep].limit
            path = sampling.save_movement(generator, z, labels, self.out, [self._truncated(each) for each in moves])
            return f"{what} from {-limit:g} to {limit:g} of {self.sweep} in {path}"
        z = move(z) if move else z
        if not sampling.is_animation(self.out):
            return f"{what} in {sampling.save([generator.generate(z=z, labels=labels)], self.out)}"
        if len(classes) > 1:
            what = f"{what}, {len(classes)} classes"
            z, labels = np.broadcast_to(z, (len(classes), z.shape[1])), _shares(source, generator, classes)
        if len(z) < 2:
            raise InputError(
                f"an animation between {what}; expected at least 2. Use --out with a .png, or -n 2 or more."
            )
        return f"{what} in {sampling.save_interpolation(generator, z, labels, self.out, self.frames)}"

    def _classes(self, generator, label):
        """The classes of the samples; None where all have the same one."""
        if generator.num_classes is None or label is not None:
            return None
        return latents.choose_labels(self.n, generator.num_classes, None, latents.seeds(self.n, self.seed))


def _check_amounts(names, sweep):
    """Raises InputError where a slider is set twice, or set and swept."""
    if sweep in names:
        raise InputError(f"--set {sweep} with --sweep {sweep}; expected one of them. Leave --set {sweep} out.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--set {twice[0]} was given twice; expected one amount for each slider. Use one of them.")


def _latents(files) -> np.ndarray:
    """The latents in .npy files one after another, float32 (n, latent_dim)."""
    parts = [_latents_of(file) for file in files]
    if len({part.shape[1] for part in parts}) > 1:
        widths = ", ".join(f"{part.shape[1]} in {file}" for part, file in zip(parts, files, strict=True))
        raise InputError(f"latents of different dimensions, {widths}; expected one dimension. Use latents of one run.")
    return np.concatenate(parts)


def _latents_of(file) -> np.ndarray:
    """The latents in a .npy, float32 (n, latent_dim); a single one becomes (1, latent_dim)."""
    try:
        found = np.load(file, allow_pickle=False)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
            raise ValueError("no numbers (n, latent_dim)")
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        why = first_line(error) if isinstance(error, OSError) else "it holds no numbers"
        raise InputError(
            f"{file} cannot be read as latents ({why}); expected a .npy with floats (n, latent_dim). Use "
            "the file that kgan project wrote."
        ) from error
    return np.atleast_2d(found).astype("float32")


def _count_of_classes(labels, n, walks) -> int:
    """The number of seeds of an animation between classes: one for all, or one for each class."""
    if not walks:
        raise InputError(
            f"--label was given {len(labels)} times; expected one class, or an animation from class to class. Use one "
            "of them, or --out with a .gif and no --sweep."
        )
    if n not in (None, 1, len(labels)):
        raise InputError(f"{n} seeds with {len(labels)} classes; expected 1 or {len(labels)}. Use one seed for each.")
    return n or 1


def _shares(source, generator, classes) -> np.ndarray:
    """The shares of all classes at each stop of an animation between classes: float32 (stops, num_classes)."""
    if not hasattr(generator, "check_class_shares"):
        raise InputError(
            f"{source} takes one class for each picture; expected a generator that draws pictures between classes. Use "
            "the run or the .keras file that it was exported from."
        )
    generator.check_class_shares()
    return np.eye(generator.num_classes, dtype="float32")[classes]


def _file_name(slider):
    """A file name from the name of a slider."""
    return re.sub(r"[^\w.+-]+", "-", slider).strip("-.") or "sweep"


def _sliders(source, generator):
    """The sliders of a generator, with a `Notice` where its run found them at another step."""
    from keras_gan import directions
    from keras_gan.runs import Run

    if not is_run(source):
        return generator.directions
    found = directions.load(Run(source))  # loaded again, since opening the run turned an error into a Notice
    if found is not None and found.step not in (None, generator.step):
        warnings.warn(
            Notice(
                f"the directions of {source} were found at step {found.step:,}, and the generator is at step "
                f"{generator.step:,}. Run kgan directions again."
            ),
            stacklevel=3,
        )
    return found or generator.directions
