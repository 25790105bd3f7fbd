"""Files of samples for `kgan sample`: images, walks between seeds and sweeps of a slider, from any generator."""

import os
import re
import warnings
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

    n: int  # number of samples, or of seeds in a .gif
    seed: int  # seed of the first sample
    label: str | None  # name or number of a class
    amounts: Mapping[str, float]  # slider -> amount in standard deviations
    sweep: str | None  # the slider that a .gif shows from end to end
    out: str
    z: np.ndarray | None = None  # latents, float32 (n, latent_dim), instead of seeds

    @classmethod
    def of(
        cls,
        n: int | None = None,
        seed: int = 0,
        label: str | None = None,
        amounts: Sequence[tuple[str, float]] = (),
        sweep: str | None = None,
        out: str | None = None,
        z: str | None = None,
    ) -> "Plan":
        """A plan with defaults for the missing options. Raises InputError where options contradict each other.

        `z` is the path of a .npy with latents.
        """
        _check_amounts([name for name, _ in amounts], sweep)
        found = None if z is None else _latents(z)
        if found is not None:
            if n is not None or seed:
                raise InputError(f"--z {z} with -n or --seed; expected one of them. Leave -n and --seed out.")
            n = len(found)
        out = out or (f"{_file_name(sweep)}.gif" if sweep else "samples.png")
        gif = _is_gif(out)
        if sweep and not gif:
            remedy = f"Use --out {_file_name(sweep)}.gif."
            raise InputError(f"--sweep {sweep} with --out {out}; expected a .gif. {remedy}")
        n = n if n is not None else SWEEP_SEEDS if sweep else WALK_SEEDS if gif else SAMPLES
        sampling.check_out(out, n)
        return cls(n, seed, label, dict(amounts), sweep, out, found)

    def check(self, source: str | os.PathLike) -> None:
        """Raises InputError where a run has no such class or slider. It needs no TensorFlow, which takes seconds."""
        from keras_gan import directions
        from keras_gan.runs import Run

        run = Run(source)
        conditional = run.config.conditional
        classes = SimpleNamespace(
            num_classes=run.num_classes if conditional else None, class_names=run.class_names if conditional else None
        )
        generators.class_number(classes, self.label)
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
        label = generators.class_number(generator, self.label)
        known = _sliders(source, generator) if self.amounts or self.sweep else None
        move = known.mover(self.amounts) if self.amounts else None
        if self.z is not None:
            return self._write_latents(generator, label, known, move)
        drawn = (generator, self.n, self.seed, label)
        if self.sweep:
            limit = known[self.sweep].limit
            path = sampling.save_sweep(*drawn, self.out, known.sweep(self.sweep, sampling.FRAMES, self.amounts))
            return f"{self.n} seeds from {-limit:g} to {limit:g} of {self.sweep} in {path}"
        if _is_gif(self.out):
            return f"{self.n} seeds in {sampling.save_walk(*drawn, self.out, move)}"
        parts = sampling.parts(*drawn, move)
        path = sampling.save(parts, self.out, self._classes(generator, label), generator.class_names)
        return f"{self.n} samples in {path}"

    def _write_latents(self, generator, label, known, move):
        """Draws and writes the samples of given latents."""
        z, *labels = latents.columns(None, generator.latent_dim, "normal", None, generator.num_classes, label, self.z)
        labels = labels[0] if labels else None
        if self.sweep:
            moves = known.sweep(self.sweep, sampling.FRAMES, self.amounts)
            path = sampling.save_movement(generator, z, labels, self.out, moves)
        elif _is_gif(self.out) and len(z) < 2:
            raise InputError("a .gif between 1 latent; expected at least 2. Use --out with a .png.")
        elif _is_gif(self.out):
            path = sampling.save_interpolation(generator, move(z) if move else z, labels, self.out)
        else:
            path = sampling.save([generator.generate(z=move(z) if move else z, labels=labels)], self.out)
        return f"{len(z)} latent{'s' * (len(z) > 1)} in {path}"

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


def _latents(file) -> np.ndarray:
    """The latents in a .npy, float32 (n, latent_dim); a single one becomes (1, latent_dim)."""
    try:
        found = np.load(file, allow_pickle=False)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
            raise ValueError("no numbers (n, latent_dim)")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{file} cannot be read as latents ({first_line(error)}); expected a .npy with floats (n, latent_dim). Use "
            "the file that kgan project wrote."
        ) from error
    return np.atleast_2d(found).astype("float32")


def _is_gif(out):
    return str(out).lower().endswith(".gif")


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
