"""Sampling from an .onnx with ONNX Runtime and numpy: no TensorFlow, no Keras.

A graph has one signature. So an export is two files: NAME.onnx, `generate`, takes latents; NAME-sample.onnx, `sample`,
takes seeds.
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
from keras_gan.exports.trial import Unable, run
from keras_gan.sampling import latents
from keras_gan.sampling.sliders import Directions

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")  # the extra "onnx"
ERRORS_ONLY = 3  # ONNX Runtime's name for it
LARGEST_BYTES = 2**31  # a protocol buffer holds no more
TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int32)": "int32"}
SEEDS_FILE = "-sample"  # at the end of that file's stem


def beside(path: Path) -> Path:
    """The file of `sample` that belongs to the file of `generate`."""
    return path.with_name(f"{path.stem}{SEEDS_FILE}{path.suffix}")


def check_packages(*names: str) -> None:
    """Raises InputError where some of the packages of the extra are not installed."""
    if missing := [name for name in names if importlib.util.find_spec(name) is None]:
        raise InputError(f"{', '.join(missing)} not installed; expected for ONNX. {how_to_install('onnx')}.")


class Generator(FileGenerator):
    """A generator that was exported as an .onnx, on one thread of the processor.

    A file of `sample` takes seeds: it cannot make samples of given latents, so that it has no sliders either.

    Args:
        path: the file, written by `keras_gan.exports.export(format="onnx")`.

    Raises:
        InputError: where ONNX Runtime is not installed, or the file is no such .onnx, or is damaged.
    """

    def __init__(self, path: str | os.PathLike):
        check_packages("onnxruntime")
        self.path = path
        content = _read(Path(path))
        try:
            edge.survive(content, __name__)
            self.open(content)
        except Unable as error:
            raise InputError(f"{path} cannot be tried: {error}") from error
        except Exception as error:  # a damaged file fails anywhere, with any error
            raise InputError(
                f"{path} is damaged, or an .onnx of something else; expected a generator that kgan export wrote "
                f"({first_line(error)}). Export it again, or check where the file comes from."
            ) from error

    def open(self, content: bytes) -> None:
        """Loads the graph, and checks that it has a signature of ours."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        # Of bytes, not of a path: so a graph cannot have other files read in.
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        said = json.loads(self._session.get_modelmeta().custom_metadata_map[metadata.NAME])
        self.description = metadata.check(said)
        taken = [end.name for end in self._session.get_inputs()]
        self.signature = SAMPLE if SEED in taken else GENERATE
        classes = [] if self.num_classes is None else [LABEL]
        if sorted(taken) != sorted([edge.first_input(self.signature), *classes]):
            raise ValueError(f"it takes {', '.join(taken)}")

    def try_out(self) -> None:
        """Raises InputError or ValueError where the graph does not give what the description says."""
        seed, labels = latents.seeds(1, 0), latents.choose_labels(1, self.num_classes)
        first = seed if self.signature == SAMPLE else latents.of_seeds(seed, self.latent_dim, self.latent)
        self._checked([first] if labels is None else [first, labels], 1)

    @property
    def directions(self) -> Directions:
        """The sliders that the file brings; none where it takes seeds, since sliders move latents."""
        return super().directions if self.signature == GENERATE else Directions(self.latent, ())

    def run(self, *columns: np.ndarray) -> np.ndarray:
        """What the graph gives for float32 latents (batch, dim), or int32 seeds (batch,), and int32 labels (batch,)
        where it takes them."""
        return self._session.run([OUTPUT], named(columns, edge.first_input(self.signature)))[0]

    def signatures(self) -> dict[str, dict]:
        """The one signature, as `metadata.signatures` gives it; a size that is open is None."""
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
                f"{self.path} takes seeds, not latents; expected the file that takes latents, which sliders need; give "
                f"the .onnx whose name does not end in {SEEDS_FILE}"
            )

    def _outputs(self, columns, batch_size=BATCH):
        parts = (slice(start, start + batch_size) for start in range(0, len(columns[0]), batch_size))
        return np.concatenate([self.run(*(column[part] for column in columns)) for part in parts])


def _end(end):
    sizes = [size if isinstance(size, int) else None for size in end.shape]
    return [TYPES.get(end.type, printable(end.type)), sizes]


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected an .onnx; check the path")
    if path.stat().st_size > LARGEST_BYTES:
        raise InputError(f"{path} is larger than any .onnx in one file; expected at most 2 GB")
    return path.read_bytes()


def trial(content: bytes) -> None:
    """What the process of `survive` does. Raises where the file is no generator that works."""
    generator = Generator.__new__(Generator)
    generator.path = "the file"
    generator.open(content)
    generator.try_out()


if __name__ == "__main__":
    run(trial)
