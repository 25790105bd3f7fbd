"""Whether the doctor raises false alarms on sound runs, and how soon it names a planted problem.

    python benchmarks/doctor_matrix.py train runs/ --photos photos/    # trains all runs; only their numbers are saved
    python benchmarks/doctor_matrix.py train runs/ --case digits --seed 0
    python benchmarks/doctor_matrix.py judge runs/                     # prints both tables

Each run writes history.csv and checks.csv as `kgan train` does, at the same steps. `judge` finds what was shown at each
row while the run was in progress, by the rule of the live doctor and of `kgan doctor`.
"""

from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """A kind of run: sound if `expected` is empty, else with a planted problem."""

    data: str
    settings: dict = field(default_factory=dict)  # of `TrainConfig`
    expected: tuple = ()  # verdicts that name the planted problem
    stop: int | None = None  # the step at which training stops although more steps are configured
    blind: bool = False  # whether the generator ignores z
    images: int | None = None  # train on the first images only


SOUND = {
    "digits": Case("digits", {"steps": 800}),
    "conditional": Case("digits", {"steps": 400, "conditional": True}),
    "gaussian": Case("gaussian"),
    "ring": Case("ring", {"steps": 3_000}),
    "grid": Case("grid", {"steps": 3_000}),
    "digits-lean": Case("digits", {"preset": "lean", "steps": 400}),
    "digits-short": Case("digits", {"steps": 120}),
    "mnist": Case("mnist", {"steps": 250}),
    "photos-32": Case("photos", {"image_size": (32, 32), "steps": 200}),
    "photos-64": Case("photos", {"image_size": (64, 64), "steps": 120}),
}
STRONG = ("discriminator too strong", "divergence")
STILL = ("generator stands still", "discriminator too strong")
WILD = ("divergence", "mode collapse", "discriminator too strong")
LONG = {"steps": 2_000}  # of which the first eighth is trained: problems must be named within a tenth
ILL = {
    "digits-d-fast": Case("digits", {**LONG, "discriminator_lr": 0.2}, STRONG, 240),
    "digits-lean-d-fast": Case("digits", {**LONG, "preset": "lean", "discriminator_lr": 0.05}, STRONG, 240),
    "digits-g-frozen": Case("digits", {**LONG, "generator_lr": 0.0}, STILL, 240),
    "digits-g-slow": Case("digits", {**LONG, "generator_lr": 2e-6}, STILL, 240),
    "digits-g-fast": Case("digits", {**LONG, "generator_lr": 0.2}, WILD, 240),
    "digits-d-frozen": Case("digits", {**LONG, "discriminator_lr": 0.0}, ("generator too strong",), 240),
    "digits-blind": Case("digits", LONG, ("mode collapse",), 240, blind=True),
    "digits-exploding": Case("digits", {**LONG, "discriminator_lr": 20.0, "generator_lr": 20.0}, ("divergence",), 240),
    "digits-8-images": Case("digits", {"steps": 800, "batch_size": 8}, ("memorising",), images=8),
    "gaussian-d-fast": Case("gaussian", {"discriminator_lr": 1.0}, STRONG, 600),
    "gaussian-g-frozen": Case("gaussian", {"generator_lr": 0.0}, STILL, 600),
    "gaussian-g-fast": Case("gaussian", {"generator_lr": 2.0}, WILD, 600),
    "gaussian-blind": Case("gaussian", {}, ("mode collapse",), 600, blind=True),
    "gaussian-exploding": Case("gaussian", {"discriminator_lr": 1e3, "generator_lr": 1e3}, ("divergence",), 600),
    "ring-d-fast": Case("ring", {"steps": 3_000, "discriminator_lr": 0.3}, STRONG, 600),
    "ring-g-frozen": Case("ring", {"steps": 3_000, "generator_lr": 0.0}, STILL, 600),
    "ring-g-fast": Case("ring", {"steps": 3_000, "generator_lr": 0.3}, WILD, 600),
    "ring-blind": Case("ring", {"steps": 3_000}, ("mode collapse",), 600, blind=True),
}
CASES = SOUND | ILL


@click.group()
def main():
    """Trains the runs of the matrix, and judges them."""


# training -----------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--case", "names", multiple=True, type=click.Choice(list(CASES)), help="Cases. [default: all]")
@click.option("--seed", "seeds", multiple=True, type=int, default=SEEDS)
@click.option("--photos", type=click.Path(exists=True), help="Folder of photos, for photos-32 and photos-64.")
def train(folder, names, seeds, photos):
    """Trains the cases that FOLDER does not have yet, on one core."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for seed in seeds:
        for name in names or CASES:
            if CASES[name].data == "photos" and photos is None:
                continue
            run_dir = folder / f"{name}-{seed}"
            if not (run_dir / "done").exists():
                _train(CASES[name], seed, run_dir, photos)
                (run_dir / "done").touch()
                print(run_dir, flush=True)


def _train(case, seed, run_dir, photos):
    """Trains one run and writes its numbers, without pictures, checkpoints and report."""
    import keras

    from keras_gan import training
    from keras_gan.callbacks import DivergenceGuard
    from keras_gan.config import TrainConfig
    from keras_gan.runs import Run

    keras.backend.clear_session()
    data = photos if case.data == "photos" else case.data if case.images is None else _few(case, run_dir)
    job = training.prepare(TrainConfig(data, seed=seed, **case.settings), run_dir)
    run = Run.create(run_dir, job.config, job.source)
    job.gan = _blind(job.gan) if case.blind else job.gan
    _, logging = job._recording(run, {})  # the history and the checks
    job._recording = lambda *_: ([*logging, *([_stop(case.stop)] if case.stop else [])], logging)
    job._fit(run, {}, DivergenceGuard())


def _few(case, run_dir):
    from keras_gan import data

    path = run_dir.with_name(f"{case.data}-{case.images}.npz")
    np.savez(path, data.open_source(case.data).fetch(np.arange(case.images)))
    return str(path.resolve())


def _blind(gan):
    """Returns the same GAN with a generator that ignores z."""
    import keras

    from keras_gan import GAN

    z = keras.Input((gan.latent_dim,))
    generator = keras.Model(z, gan.generator(keras.layers.Rescaling(0.0)(z)))
    blind = GAN(generator, gan.discriminator, latent=gan.latent, seed=gan.seed)
    blind.compile_from_config(gan.get_compile_config())
    return blind


def _stop(step):
    """Returns a callback that stops training at a step."""
    import keras

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training |= self.model.step >= step

    return Stop()


# judging ------------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def judge(folder):
    """Prints what the doctor shows for the runs in FOLDER: false alarms, and how soon planted problems are named."""
    print("| sound runs | steps | seeds | alarms at the tenths | alarms at any step |\n|---|---|---|---|---|")
    for name in SOUND:
        runs = _runs(folder, name)
        diagnoses = [(run, run.last * k / 10) for run in runs for k in range(1, 11)]
        at_tenths = sum(run.shown(step) is not None for run, step in diagnoses)
        alarms = "; ".join(str(run) for run in runs if run.episodes) or "none"
        print(f"| {name} | {_steps(runs)} | {len(runs)} | {at_tenths} of {len(diagnoses)} | {alarms} |")
    print("\n| planted | steps | named after, for each seed | shown |\n|---|---|---|---|")
    for name, case in ILL.items():
        runs = _runs(folder, name)
        after = ", ".join(run.named(case.expected) for run in runs) or "not run"
        print(f"| {name} | {_steps(runs)} | {after} | {'; '.join(str(run) or 'nothing' for run in runs)} |")


@dataclass(frozen=True)
class Judged:
    """What was shown over a run."""

    configured: int  # steps
    last: int  # step
    episodes: list  # of doctor.Episode

    @classmethod
    def of(cls, run_dir: Path) -> "Judged":
        """Judges a run folder."""
        from keras_gan import doctor
        from keras_gan.runs import Run

        run = Run(run_dir)
        history = run.history()
        found = doctor.episodes(history, run.columns("checks"), doctor.settings_of(run))
        return cls(run.config.steps, int(history["step"][-1]), found)

    def shown(self, step: float) -> str | None:
        """Returns the problem that was shown at a step; None if there was none."""
        return next((each.symptom.name for each in self.episodes if each.first <= step <= each.last), None)

    def named(self, expected: tuple[str, ...]) -> str:
        """Returns the share of the configured steps after which one of the expected problems was shown."""
        first = [each.first for each in self.episodes if each.symptom.name in expected]
        return f"{min(first) / self.configured:.0%}" if first else "missed"

    def __str__(self):
        shares = [
            (each.symptom.name, each.first / self.configured, each.last / self.configured) for each in self.episodes
        ]
        return ", ".join(f"{name} from {first:.0%} to {last:.0%}" for name, first, last in shares)


def _runs(folder, name):
    folders = [folder / f"{name}-{seed}" for seed in SEEDS]
    return [Judged.of(each) for each in folders if (each / "done").exists()]


def _steps(runs):
    texts = [f"{run.last:,}" + (f" of {run.configured:,}" if run.last < run.configured else "") for run in runs]
    return "; ".join(dict.fromkeys(texts)) or "not run"


if __name__ == "__main__":
    main()
