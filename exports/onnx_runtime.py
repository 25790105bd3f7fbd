"""Sampling from an .onnx with ONNX Runtime and numpy: no TensorFlow, no Keras.

An ONNX graph has one signature, so an export is two files: NAME.onnx, `generate`, takes latents; NAME-sample.onnx,
`sample`, takes seeds.
"""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError, first_line, how_to_install, printable
from keras_gan.exports import edge, metadata
from keras_gan.exports.edge import GENERATE, LABEL, OUTPUT, SAMPLE, SEED, named
from keras_gan.exports.generators import BATCH, FileGenerator, to_samples
from keras_gan.exports.trial import TrialUnavailable, run
from keras_gan.sampling import latents
from keras_gan.sampling.sliders import Directions

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")  # the extra "onnx"
ERRORS_ONLY = 3  # log level of ONNX Runtime
LARGEST_BYTES = 2**31  # the limit of a protocol buffer
TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int32)": "int32"}
SEEDS_FILE = "-sample"  # end of the stem of the file that takes seeds


def seeds_path(path: Path) -> Path:
    """The path of the file that takes seeds, from the path of the file that takes latents."""
    return path.with_name(f"{path.stem}{SEEDS_FILE}{path.suffix}")


def check_packages(*names: str) -> None:
    """Raises InputError where one of the packages of the extra "onnx" is not installed."""
    if missing := [name for name in names if importlib.util.find_spec(name) is None]:
        raise InputError(f"{', '.join(missing)} not installed; expected for ONNX. {how_to_install('onnx')}.")


class Generator(FileGenerator):
    """A generator that was exported as an .onnx. It runs on one CPU thread.

    A file that takes seeds cannot make samples from latents, so it has no sliders.

    Args:
        path: the file, written by `keras_gan.exports.export(format="onnx")`.

    Raises:
        InputError: where ONNX Runtime is not installed, the file is no such .onnx, or it is damaged.
    """

    def __init__(self, path: str | os.PathLike):
        check_packages("onnxruntime")
        self.path = path
        content = _read(Path(path))
        try:
            edge.run_in_process(content, __name__)
            self.open(content)
        except TrialUnavailable as error:
            raise InputError(f"{path} cannot be tested: {error}") from error
        except Exception as error:  # a damaged file fails anywhere, with any error
            raise InputError(
                f"{path} is damaged, or is no generator ({first_line(error)}); expected an .onnx that kgan export "
                "wrote. Export it again, or check where the file comes from."
            ) from error

    def open(self, content: bytes) -> None:
        """Loads the graph and the description. Raises any error where the file is no such .onnx."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        # From bytes, since a graph that is loaded from a path can read other files.
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        description = json.loads(self._session.get_modelmeta().custom_metadata_map[metadata.NAME])
        self.description = metadata.check(description)
        names = [end.name for end in self._session.get_inputs()]
        self.signature = SAMPLE if SEED in names else GENERATE
        classes = [] if self.num_classes is None else [LABEL]
        if sorted(names) != sorted([edge.first_input(self.signature), *classes]):
            raise ValueError(f"its inputs are {', '.join(names)}")

    def try_out(self) -> None:
        """Runs the graph once. Raises InputError or ValueError where its output does not match the description."""
        seed, labels = latents.seeds(1, 0), latents.choose_labels(1, self.num_classes)
        first = seed if self.signature == SAMPLE else latents.of_seeds(seed, self.latent_dim, self.latent)
        self._checked([first] if labels is None else [first, labels], 1)

    @property
    def directions(self) -> Directions:
        """The sliders in the file; none where it takes seeds, since sliders move latents."""
        return super().directions if self.signature == GENERATE else Directions(self.latent, ())

    def run(self, *columns: np.ndarray) -> np.ndarray:
        """Runs the graph.

        Args:
            columns: float32 latents (batch, latent_dim) or int32 seeds (batch,); and int32 labels (batch,) where the
                generator takes them.

        Returns:
            (batch, *data_shape): float32, images nominally in [-1, 1], or uint8 images in [0, 255].
        """
        return self._session.run([OUTPUT], named(columns, edge.first_input(self.signature)))[0]

    def signatures(self) -> dict[str, dict]:
        """The signature, in the form of `metadata.signatures`; None stands for an open size."""
        inputs, outputs = ({end.name: _end(end) for end in ends} for ends in self._ends())
        return {self.signature: {"inputs": inputs, "outputs": outputs}}

    def _ends(self):
        return self._session.get_inputs(), self._session.get_outputs()

    def compute(self, inputs, batch_size: int = BATCH) -> np.ndarray:
        """As in `Generator.compute`. Raises InputError where the file takes seeds."""
        self._check_takes_latents()
        return super().compute(inputs, batch_size)

    def generate(
        self, n: int | None = None, seed: int | None = None, batch_size: int = BATCH, labels=None, z=None
    ) -> np.ndarray:
        """As in `Generator.generate`. Raises InputError for z where the file takes seeds."""
        if self.signature == GENERATE or z is not None:
            self._check_takes_latents()
            return super().generate(n, seed, batch_size, labels, z)
        seeds = latents.seeds(latents.check_count(n or 0, self.latent_dim), seed)
        chosen = latents.choose_labels(n, self.num_classes, labels, seeds)
        return to_samples(self._checked([seeds] if chosen is None else [seeds, chosen], batch_size))

    def _check_takes_latents(self):
        if self.signature == SAMPLE:
            raise InputError(
                f"{self.path} takes seeds, not latents; expected the file that takes latents, which sliders need. Use "
                f"the .onnx whose name does not end in {SEEDS_FILE}."
            )

    def _outputs(self, columns, batch_size=BATCH):
        parts = (slice(start, start + batch_size) for start in range(0, len(columns[0]), batch_size))
        return np.concatenate([self.run(*(column[part] for column in columns)) for part in parts])


def _end(end):
    sizes = [size if isinstance(size, int) else None for size in end.shape]
    return [TYPES.get(end.type, printable(end.type)), sizes]


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected an .onnx. Check the path.")
    if path.stat().st_size > LARGEST_BYTES:
        size_gb = path.stat().st_size / 2**30
        raise InputError(f"{path} has {size_gb:.1f} GB; expected at most 2 GB, the limit of an .onnx. Check the path.")
    return path.read_bytes()


def trial(content: bytes) -> None:
    """Opens a file and runs it once, in the process that `run_in_process` starts.

    Raises any error where the file is no generator that works.
    """
    generator = Generator.__new__(Generator)
    generator.path = "the file"
    generator.open(content)
    generator.try_out()


if __name__ == "__main__":
    run(trial)
