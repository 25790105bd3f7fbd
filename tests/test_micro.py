"""Exports for microcontrollers: the interpreter of microcontrollers, the C array, latents in C, and the program."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gan import GAN, InputError, exports, networks
from keras_gan._utils import checkout, compat
from keras_gan.exports import (
    About,
    Options,
    edge,
    info,
    label_lookup,
    metadata,
    micro,
    micro_runtime,
    operations,
    tflite,
)
from keras_gan.exports.rendering import render
from keras_gan.sampling import latents, sliders

needs_tflite_micro = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed"
)
needs_c = pytest.mark.skipif(shutil.which("cc") is None or shutil.which("g++") is None, reason="no C and C++ compiler")
STUBS = Path(__file__).parent / "micro"
LATENT_DIM = 5


@pytest.fixture(scope="module")
def gan(converted_once):
    """A GAN whose weights are all away from their start, so that an error in any of them would show."""
    pair = networks.generator((8, 8, 1), LATENT_DIM, num_classes=3), networks.discriminator((8, 8, 1), num_classes=3)
    gan = GAN(*pair, seed=0, num_classes=3)
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + rng.uniform(-0.05, 0.05, weight.shape).astype("float32"))
    return gan


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    """The folder and the report of an export with a slider whose name would end a C comment."""
    vector = np.arange(LATENT_DIM) / 10
    slider = sliders.from_json(
        [{"name": "bright */", "kind": "measured", "limit": 2.0, "vector": vector.tolist()}], "normal", LATENT_DIM
    )
    folder = tmp_path_factory.mktemp("micro") / "micro"
    report = exports.export(gan, folder, "micro", options=Options(about=About(name="tiny", directions=slider)))
    return folder, report


def array_in(folder) -> bytes:
    """The bytes of the C array."""
    body = (folder / "generator.h").read_text().split("model_bytes[")[1].split("{")[1].split("}")[0]
    return bytes(int(number, 16) for number in re.findall(r"0x[0-9a-f]{2}", body))


@needs_tflite_micro
def test_the_array_computes_the_samples_of_keras(gan, exported):
    folder, report = exported
    inputs = gan.inputs(4, seed=9)
    outputs = micro_runtime.Interpreter(array_in(folder)).run(*inputs)
    assert outputs.shape == (4, 8, 8, 1) and outputs.dtype == np.float32
    assert np.abs(outputs - gan.compute(inputs)).mean() < 0.03
    assert report.size_bytes == len(array_in(folder)) and report.mean_error < 0.03


@needs_tflite_micro
def test_all_operations_compute_in_integers(exported):
    folder, report = exported
    assert report.floating_operations == []
    assert set(metadata.signatures(array_in(folder))) == {"generate"}


@needs_tflite_micro
def test_the_arena_is_the_smallest_that_suffices(exported):
    folder, report = exported
    code = f"""import sys
from keras_gan.exports.micro_runtime import Interpreter
Interpreter(open({str(folder / "generator.tflite")!r}, "rb").read(), int(sys.argv[1]))"""

    def suffices(arena_bytes):  # in a process, since an arena that is too small may crash it
        done = subprocess.run([sys.executable, "-c", code, str(arena_bytes)], env=checkout.environment(), check=False)
        return done.returncode == 0

    assert suffices(report.arena_bytes)
    assert not suffices(report.arena_bytes - micro_runtime.ALIGNMENT_BYTES)


@needs_tflite_micro
def test_the_file_beside_the_array_is_a_generator_with_its_description(gan, exported):
    folder, _ = exported
    generator = edge.Generator(folder / "generator.tflite")
    assert generator.signatures == ("generate",)
    assert generator.directions.names == ("bright */",)
    near = np.abs(generator.generate(4, seed=3).astype(int) - gan.generate(4, seed=3))
    assert near.mean() < 4  # grey levels
    assert list(info.describe(folder / "generator.tflite")["signatures"]) == ["generate"]


@needs_c
@pytest.mark.parametrize("latent", ["normal", "uniform"])
@pytest.mark.parametrize("dim", [1, 5, 64])
def test_latents_in_c_are_those_of_numpy(latent, dim, tmp_path):
    (tmp_path / "latents.h").write_text(render(micro.TEMPLATES / "latents.h", {"about": {"latent": latent}}, {}))
    program = f"""#include <stdio.h>
#include "latents.h"
int main(void) {{
    float z[{dim}];
    for (uint32_t i = 0; i < 1000; i++) {{
        latents_of(i * 2147483u, z, {dim});
        fwrite(z, sizeof z, 1, stdout);
    }}
    return 0;
}}
"""
    (tmp_path / "main.c").write_text(program)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["cc", *strict, "main.c", "-lm", "-o", "main"], cwd=tmp_path, check=True)
    written = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout
    seeds = (np.arange(1_000) * 2_147_483).astype("int32")
    np.testing.assert_allclose(
        np.frombuffer(written, "float32").reshape(1_000, dim), latents.of_seeds(seeds, dim, latent), atol=2e-6
    )


@needs_c
@needs_tflite_micro
def test_the_program_draws_the_picture_of_a_seed_and_a_label(exported, tmp_path):
    """Against stubs whose picture is a ramp: -1.5 + 0.01 i + z[0] + 0.1 label."""
    folder, _ = exported
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable"]
    program = tmp_path / "draw"
    subprocess.run(["g++", *strict, f"-I{STUBS}", f"-I{folder}", folder / "main.cc", "-o", program], check=True)

    def drawn(*words):
        kind, *numbers = subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout.split()
        assert kind == "P2" and numbers[:3] == ["8", "8", "255"]
        return np.array(numbers[3:], int)

    def expected(seed, label):
        z = latents.of_seeds(np.array([seed], "int32"), LATENT_DIM)[0, 0]
        x = -1.5 + 0.01 * np.arange(64) + z + 0.1 * label
        return np.clip(np.floor((x + 1) * 127.5 + 0.5), 0, 255)

    assert np.abs(drawn("12", "2") - expected(12, 2)).max() <= 1
    assert np.abs(drawn("13") - expected(13, 13 % 3)).max() <= 1
    assert np.ptp(drawn("12", "2")) > 0


@needs_tflite_micro
@pytest.mark.parametrize("shape", [(8, 8, 3), (2,)])
def test_colour_and_vectors(shape, tmp_path):
    gan = GAN(networks.generator(shape, LATENT_DIM), networks.discriminator(shape), seed=0)
    report = exports.export(gan, tmp_path / "micro", "micro", options=Options(force=True))  # it is not trained
    assert report.arena_bytes > 0
    assert ("P3" in (tmp_path / "micro" / "main.cc").read_text()) == (len(shape) == 3)


class Powers(layers.Layer):
    def call(self, x):
        return ops.power(ops.abs(x) + 1, 1.5)


@needs_tflite_micro
def test_an_operation_that_is_missing_is_named_with_its_layer(tmp_path, tiny_discriminator):
    z = layers.Input((LATENT_DIM,))
    x = layers.Dense(64)(z)
    x = Powers(name="powers")(x)
    generator = keras.Model(z, layers.Reshape((8, 8, 1))(x))
    gan = GAN(generator, networks.discriminator((8, 8, 1)))
    with pytest.raises(InputError, match="POW of layer 'powers'.*Use ops.square"):
        exports.export(gan, tmp_path / "micro", "micro")
    assert not (tmp_path / "micro").exists()


def test_folders_of_others_are_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(micro_runtime, "check_package", lambda: None)
    micro.check(tmp_path / "new", "float16")
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        micro.check(file, "float16")
    with pytest.raises(InputError, match="not written by kgan export --micro"):
        micro.check(tmp_path, "float16")
    file.rename(tmp_path / "generator.h")
    (tmp_path / "generator.h").write_text(f"/* {micro.MARK} */")
    micro.check(tmp_path, "float16")
    (tmp_path / "project.c").write_text("mine")
    with pytest.raises(InputError, match=r"holds project\.c"):
        micro.check(tmp_path, "float16")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"tflite-micro.*\[micro\]"):
        micro.check(tmp_path / "micro", "float16")


@needs_tflite_micro
def test_a_kernel_that_refuses_is_reported(gan):
    """The method for SELECT_V2 exists, but not for integers."""
    model = compat.read_tflite(tflite.integer_file(gan))
    for code in model.operatorCodes:
        if code.builtinCode == 64:  # SELECT
            code.builtinCode = code.deprecatedBuiltinCode = 123  # SELECT_V2
    with pytest.raises(InputError, match="INT32.*SELECT_V2"):
        micro_runtime.check(compat.write_tflite(model))


@needs_tflite_micro
def test_grey_levels_are_refused(gan, tmp_path):
    with pytest.raises(InputError, match="uint8"):
        exports.export(gan, tmp_path / "micro", "micro", options=Options(uint8=True))


@pytest.mark.parametrize(
    "name, method", [("CONV_2D", "AddConv2D"), ("ADD", "AddAdd"), ("BATCH_MATMUL", "AddBatchMatMul")]
)
def test_methods_of_operations(name, method, monkeypatch):
    monkeypatch.setattr(operations, "name_of", lambda model, operator: name)
    graph = type("Graph", (), {"operators": [None]})
    monkeypatch.setattr(compat, "read_tflite", lambda content: type("Model", (), {"subgraphs": [graph]}))
    assert micro._methods(b"") == [method]


def test_a_class_is_looked_up_directly(gan):
    """The arithmetic for negative indices is gone, and the samples are the same."""
    plain = tflite._converted(gan, uint8=False)
    short = label_lookup.without_negative_classes(plain)
    names = operation_names(short)
    assert "GATHER" in names and not names & {"LESS", "SELECT", "SELECT_V2"}
    assert operation_names(plain) & {"LESS", "SELECT", "SELECT_V2"}
    np.testing.assert_array_equal(*(run(content, gan) for content in (plain, short)))


def test_a_file_without_classes_is_unchanged(tiny_gan):
    plain = tflite._converted(tiny_gan, uint8=False)
    assert label_lookup.without_negative_classes(plain) is plain


def operation_names(content):
    model = compat.read_tflite(content)
    return {operations.name_of(model, operator) for graph in model.subgraphs for operator in graph.operators}


def run(content, gan):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content).get_signature_runner("generate_16")
    return runner(**edge.named(gan.inputs(16, seed=0)))["images"]
