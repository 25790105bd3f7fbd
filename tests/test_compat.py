"""Private parts of other libraries: each is there and does what this package relies on, in the installed version."""

import contextlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan._utils import checkout, compat, seeding, silence


@contextlib.contextmanager
def relied_on(library, part):
    """Fails with the private part, where it is used, and the installed version, whatever goes wrong inside."""
    try:
        yield
    except Exception as error:
        pytest.fail(
            f"{library} {importlib.metadata.version(library)} changed {part!r} ({type(error).__name__}: {error}), "
            "on which keras_gan._utils.compat relies. See the function's docstring for the versions that were checked."
        )


def test_a_change_is_reported_with_the_part_and_the_version(monkeypatch):
    monkeypatch.delattr(keras.layers.Layer, "_flatten_layers")
    with pytest.raises(pytest.fail.Exception, match=rf"keras {keras.__version__} changed 'Layer._flatten_layers'"):
        with relied_on("keras", "Layer._flatten_layers"):
            compat.all_layers(layers.Dense(1))


def test_importing_it_loads_none_of_these_libraries():
    code = (
        "import sys, keras_gan._utils.compat\n"
        "print([name for name in ('keras', 'tensorflow', 'streamlit', 'ai_edge_litert') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=checkout.environment(), check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "[]"


def test_layers_inside_wrappers_and_nested_models_are_listed():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="in_model")], name="inner")
    network = keras.Sequential([keras.Input((2, 4)), layers.TimeDistributed(inner, name="wrapper")])
    with relied_on("keras", "Layer._flatten_layers"):
        found = [layer.name for layer in compat.all_layers(network)]
        assert {"wrapper", "inner", "in_model"} <= set(found) and found[0] == network.name
        assert network not in compat.all_layers(network, include_self=False)


def test_resizing_is_recognized_in_layers_and_operations():
    x = keras.Input((4, 4, 1))
    resized = ops.image.resize(layers.UpSampling2D()(x), (4, 4))
    model = keras.Model(x, layers.Conv2D(1, 1)(layers.Resizing(2, 2)(resized)))
    with relied_on("keras", "the class name of the operation keras.ops.image.resize"):
        found = [compat.is_resizing(operation) for operation in model.operations]
        assert found == [False, True, True, True, False]


def test_layers_without_a_seed_draw_it_from_the_given_function():
    def weights(seed):
        with seeding.keras_seed(seed):
            layer = layers.Dense(3)
            layer.build((None, 3))
        return layer.kernel.numpy()

    with relied_on("keras", "python_random in keras.src.random.seed_generator"):
        assert (weights(1) == weights(1)).all() and (weights(1) != weights(2)).any()


@pytest.fixture
def weight():
    return keras.Variable([1.0, 1.0], name="weight")


def test_the_variable_that_counts_updates_also_counts_where_gradients_are_accumulated(weight):
    optimizer = keras.optimizers.SGD(gradient_accumulation_steps=2)
    optimizer.build([weight])
    with relied_on("keras", "Optimizer._iterations"):
        for _ in range(4):
            optimizer.apply([ops.ones(2)])
        counted = compat.iterations_variable(optimizer)
        assert int(counted) == 4 and any(counted is variable for variable in optimizer.variables)
        counted.assign_add(2)
        assert int(optimizer.iterations) == 3


def test_the_schedule_of_an_optimizer_is_the_object_that_it_was_given():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)
    with relied_on("keras", "Optimizer._learning_rate"):
        assert compat.learning_rate_or_schedule(keras.optimizers.SGD(schedule)) is schedule
        assert float(compat.learning_rate_or_schedule(keras.optimizers.SGD(0.25))) == 0.25


def test_the_weights_of_an_optimizer_are_those_that_it_was_built_for(weight):
    optimizer = keras.optimizers.Adam()
    optimizer.build([weight])
    with relied_on("keras", "Optimizer._trainable_variables"):
        (found,) = compat.updated_weights(optimizer)
        assert found is weight


def test_gradients_are_summed_over_replicas_by_the_optimizer_unless_that_is_suspended(two_replicas):
    with two_replicas.scope():
        weight = keras.Variable([0.0], name="shared")
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build([weight])

    def update():
        optimizer.apply([tf.ones(1)])

    with relied_on("keras", "Optimizer._all_reduce_sum_gradients"):
        tf.function(lambda: two_replicas.run(update))()
        assert weight.numpy().tolist() == [-2.0]  # 1 of each replica
        with compat.without_gradient_sum(optimizer):
            tf.function(lambda: two_replicas.run(update))()
        assert weight.numpy().tolist() == [-3.0]
        tf.function(lambda: two_replicas.run(update))()
        assert weight.numpy().tolist() == [-5.0]


# 1 × 2 pixels of 8 channels: a block of 2 × 2 pixels holds channels 0-1, 2-3 above 4-5, 6-7.
DEEP = [[[[0, 1, 2, 3, 4, 5, 6, 7], [10, 11, 12, 13, 14, 15, 16, 17]]]]
WIDE = [[[[0, 1], [2, 3], [10, 11], [12, 13]], [[4, 5], [6, 7], [14, 15], [16, 17]]]]


@pytest.mark.parametrize("to_space", [compat.depth_to_space, compat.blocks_of_channels])
@pytest.mark.parametrize("to_depth", [compat.space_to_depth, compat.channels_of_blocks])
def test_blocks_of_pixels_and_channels_are_exchanged(to_space, to_depth):
    wide = to_space(ops.convert_to_tensor(DEEP, "float32"), 2)
    assert wide.numpy().tolist() == WIDE
    assert to_depth(wide, 2).numpy().tolist() == DEEP


@pytest.mark.skipif(not hasattr(ops, "depth_to_space"), reason="this Keras has no operation to compare with")
@pytest.mark.parametrize("shape, block_size", [((2, 3, 5, 18), 3), ((1, 1, 1, 4), 2)])
def test_the_fallbacks_are_keras_operations(shape, block_size):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    wide = ops.depth_to_space(x, block_size).numpy()
    assert (compat.blocks_of_channels(ops.convert_to_tensor(x), block_size).numpy() == wide).all()
    assert (compat.channels_of_blocks(ops.convert_to_tensor(wide), block_size).numpy() == x).all()


@pytest.mark.parametrize("to_space", [compat.depth_to_space, compat.blocks_of_channels])
@pytest.mark.parametrize("to_depth", [compat.space_to_depth, compat.channels_of_blocks])
def test_they_are_part_of_functional_models_of_any_batch(to_space, to_depth):
    x = keras.Input((2, 4, 8), dtype="float16")
    wide = to_space(x, 2)
    assert wide.shape == (None, 4, 8, 2) and wide.dtype == "float16"
    model = keras.Model(x, to_depth(wide, 2))
    assert model.output_shape == (None, 2, 4, 8)
    images = np.arange(3 * 64, dtype="float16").reshape(3, 2, 4, 8)
    assert (model(images).numpy() == images).all()


def test_determinism_of_operations_can_be_asked_for():
    from tensorflow.python.framework import config

    with relied_on("tensorflow", "tensorflow.python.framework.config.is_op_determinism_enabled"):
        assert compat.is_op_determinism_enabled() is False
        tf.config.experimental.enable_op_determinism()
        try:
            assert compat.is_op_determinism_enabled() is True
        finally:
            config.disable_op_determinism()


def test_lists_of_slurm_are_expanded():
    with relied_on("tensorflow", "expand_hostlist and expand_tasks_per_node of slurm_cluster_resolver"):
        assert compat.slurm_nodes("n[09-11],m5") == ["n09", "n10", "n11", "m5"]
        assert compat.slurm_tasks("2(x3),1") == [2, 2, 2, 1]
        for read in (compat.slurm_nodes, compat.slurm_tasks):
            with pytest.raises(ValueError):
                read("n[1")


def test_a_single_worker_is_one_process(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with relied_on("tensorflow", "extended._in_multi_worker_mode and extended._num_devices_per_worker"):
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        assert not compat.spans_processes(strategy)
        assert compat.devices_per_process(strategy) == strategy.num_replicas_in_sync


def test_options_of_streamlits_server_are_set():
    pytest.importorskip("streamlit")
    with silence.silence_native_stderr():
        import streamlit
        from streamlit.web.server import server
    before = streamlit.get_option("server.maxUploadSize")
    with relied_on("streamlit", "streamlit.web.bootstrap.load_config_options or the path of uploads"):
        compat.set_streamlit_options({"server.maxUploadSize": before + 1})
        assert streamlit.get_option("server.maxUploadSize") == before + 1
        assert server.UPLOAD_FILE_ENDPOINT == compat.STREAMLIT_UPLOADS
        compat.set_streamlit_options({})
        assert streamlit.get_option("server.maxUploadSize") == before


def test_the_page_of_streamlit_has_the_element_that_its_scripts_fill():
    pytest.importorskip("streamlit")
    with relied_on("streamlit", 'id="root"'):
        page = Path(importlib.util.find_spec("streamlit").origin).with_name("static") / "index.html"
        assert page.read_bytes().count(compat.STREAMLIT_ROOT) == 1


@pytest.fixture(scope="module")
def tflite():
    """x → relu(x · W), whose weights XNNPACK computes with."""
    model = keras.Sequential([keras.Input((4,), batch_size=1), layers.Dense(3, activation="relu", name="dense")])
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


def test_a_tflite_is_read_changed_and_written(tflite):
    with relied_on("ai-edge-litert", "schema_py_generated or tools.flatbuffer_utils"):
        schema = compat.litert_schema()
        model = compat.read_tflite(tflite)
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data, entry.name, entry.buffer = list(b"7"), "note", len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]
        again = schema.Model.GetRootAs(compat.write_tflite(model))
        entries = {again.Metadata(i).Name(): again.Metadata(i).Buffer() for i in range(again.MetadataLength())}
        assert again.Buffers(entries[b"note"]).DataAsNumpy().tobytes() == b"7"
        assert schema.TensorType.FLOAT32 == model.subgraphs[0].tensors[0].type
        assert schema.BuiltinOperator.FULLY_CONNECTED in {
            max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes
        }


def test_the_operations_of_an_interpreter_say_what_a_delegate_computes(tflite):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    with relied_on("ai-edge-litert", "Interpreter._get_ops_details"):
        found = {operation["op_name"]: operation for operation in compat.interpreter_operations(interpreter)}
        assert set(found) == {"FULLY_CONNECTED", "DELEGATE"}
        assert {"index", "inputs", "outputs"} <= set(found["DELEGATE"])
        assert list(found["DELEGATE"]["outputs"]) == list(found["FULLY_CONNECTED"]["outputs"])


def test_an_optimizer_finds_its_variable_of_a_weight():
    class Recording(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            found.append(compat.slot(self, self.momentums, variable))

    weights, found = [keras.Variable([0.0]), keras.Variable([0.0, 0.0])], []
    optimizer = Recording(momentum=0.5)
    with relied_on("keras", "Optimizer._get_variable_index"):
        optimizer.apply([tf.ones(1), tf.ones(2)], weights)
        assert found[0] is optimizer.momentums[0] and found[1] is optimizer.momentums[1]
