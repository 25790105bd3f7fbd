"""Which signatures of a .tflite a GPU or an integer NPU can compute as a whole."""

from types import SimpleNamespace

import pytest

from keras_gan import GAN, exports, networks
from keras_gan.exports import accelerators, info

NUMBERS = {name: number for number, name in accelerators.TYPES.items()}


def tensor(*shape, dtype="FLOAT32"):
    return SimpleNamespace(shape=list(shape), type=NUMBERS[dtype])


def slicing(**masks):
    return SimpleNamespace(**{f"{name}Mask": masks.get(name, 0) for name in ("shrinkAxis", "newAxis", "ellipsis")})


@pytest.mark.parametrize(
    "name, options, inputs, outputs, refusal",
    [
        ("CONV_2D", None, [tensor(1, 8, 8, 3)], [tensor(1, 8, 8, 4)], None),
        ("BITWISE_XOR", None, [tensor(1, 5)], [tensor(1, 5)], "BITWISE_XOR"),
        ("ADD", None, [tensor(1, 2, 2, 2, 2)] * 2, [tensor(1, 2, 2, 2, 2)], "ADD (of 5 dimensions)"),
        ("SLICE", None, [tensor(4, 4)], [tensor(2, 2)], "SLICE (of 2 dimensions)"),
        ("SLICE", None, [tensor(1, 4, 4)], [tensor(1, 2, 2)], None),
        ("STRIDED_SLICE", slicing(), [tensor(1, 4, 4)], [tensor(1, 2, 2)], None),
        ("STRIDED_SLICE", slicing(shrinkAxis=1), [tensor(1, 4, 4)], [tensor(4, 4)], "STRIDED_SLICE (that changes"),
        ("CAST", None, [tensor(1, dtype="INT32")], [tensor(1)], None),
        ("CAST", None, [tensor(1, dtype="INT32")], [tensor(1, dtype="UINT32")], "CAST (from int32 to uint32)"),
        ("GATHER", None, [tensor(3, 5), tensor(1, dtype="INT32")], [tensor(1, 5)], None),
        ("GATHER", None, [tensor(3, 5, dtype="FLOAT16"), tensor(1, dtype="INT32")], [tensor(1, 5)], "GATHER (from "),
        ("GATHER", None, [tensor(3, 5), tensor(1, dtype="INT64")], [tensor(1, 5)], "GATHER (other than of rows"),
        ("MUL", None, [tensor(1, 4, 1), tensor(1, 1, 4)], [tensor(1, 4, 4)], "MUL (of two tensors"),
        ("MUL", None, [tensor(1, 4, 4), tensor(1, 1, 4)], [tensor(1, 4, 4)], None),
    ],
)
def test_the_rules_of_the_gpu_delegate(name, options, inputs, outputs, refusal):
    found = accelerators._refusal(name, options, inputs, outputs)
    assert found is None if refusal is None else found.startswith(refusal)


@pytest.mark.parametrize(
    "shape, num_classes",
    [
        ((8, 8, 1), 3),
        pytest.param((16, 16, 3), None, marks=pytest.mark.long),
        pytest.param((28, 28, 1), 10, marks=pytest.mark.long),
        pytest.param((32, 32, 3), None, marks=pytest.mark.long),
        pytest.param((64, 64, 3), None, marks=pytest.mark.long),
        pytest.param((30, 44, 3), None, marks=pytest.mark.long),
        pytest.param((128, 128, 3), None, marks=pytest.mark.long),
    ],
)
def test_a_gpu_computes_the_default_generators_as_a_whole(shape, num_classes, tmp_path):
    """`generate` in every mode; `sample` hashes integers, which no GPU delegate does."""
    gan = GAN(
        networks.generator(shape, 8, num_classes=num_classes),
        networks.discriminator(shape, num_classes=num_classes),
        num_classes=num_classes,
    )
    options = exports.Options(force=True)
    for mode in ("float32", "float16", "int8", "int8-static"):
        report = gan.export(tmp_path / "g.tflite", "tflite", mode, options)
        assert report.refused_by_gpu["generate"] == report.refused_by_gpu["generate_16"] == [], mode
        assert {"BITWISE_XOR", "RIGHT_SHIFT"} <= set(report.refused_by_gpu["sample"])
        assert "for GPUs generate, generate_16" in str(report)
        assert (report.floating_operations is None) == (mode != "int8-static")
    described = info.describe(tmp_path / "g.tflite")
    assert described["refused_by_gpu"] == report.refused_by_gpu
    assert "generate     as a whole" in str(info.to_text(described))
