"""The trial run of a .tflite in a separate process: errors for a bad file, and for a machine that cannot run it."""

import os
import signal
import subprocess
import sys

import pytest

from keras_gan import InputError
from keras_gan.exports import trial

# Modules for the trial process. Each fails in a way that happens on real machines.
MODULES = {
    "sound": "from keras_gan.exports import trial\ntrial.run(lambda content: None)",
    "unsound": "from keras_gan.exports import trial\ntrial.run(lambda content: content.index(b'x', 99))",
    "missing": "from keras_gan.exports import trial\n"
    "def check(content):\n    import a_runtime_that_is_not_there\n"
    "trial.run(check)",
    "missing_at_the_start": "import a_runtime_that_is_not_there",
    "broken_library": "from keras_gan.exports import trial\n"
    "def check(content):\n    raise ImportError('libm.so.6: version GLIBC_2.38 not found')\n"
    "trial.run(check)",
    "greedy": "from keras_gan.exports import trial\ntrial.run(lambda content: bytearray(2**44))",
    "greedy_in_cpp": "import os, sys\nprint(\"terminate called after throwing an instance of 'std::bad_alloc'\", "
    "file=sys.stderr, flush=True)\nos.abort()",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "crashing": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "slow": "import time\ntime.sleep(60)",
    "limited": "import resource\nfrom keras_gan.exports import trial\ndef check(content):\n"
    "    assert resource.getrlimit(resource.RLIMIT_AS)[0] == 3 * 2**30\ntrial.run(check)",
}
EXPECTED = {
    "unsound": (trial.UnusableFile, "subsection not found"),
    "missing": (trial.TrialUnavailable, "cannot be imported .*a_runtime_that_is_not_there.*pip install ai-edge-litert"),
    "missing_at_the_start": (trial.TrialUnavailable, "cannot be imported .*a_runtime_that_is_not_there.*pip install"),
    "broken_library": (trial.TrialUnavailable, "cannot be imported .*GLIBC_2.38"),
    "greedy": (trial.TrialUnavailable, "memory ran out .*8 GB.*KERAS_GAN_TRIAL_GB"),
    "greedy_in_cpp": (trial.TrialUnavailable, "memory ran out"),
    "killed": (trial.TrialUnavailable, "memory ran out .*SIGKILL"),
    "crashing": (trial.UnusableFile, r"crashes LiteRT \(signal 11, SIGSEGV\): the file is damaged or hostile"),
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    for name, text in MODULES.items():
        (tmp_path / f"trial_{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))


@pytest.mark.parametrize("name", EXPECTED)
def test_each_failure_has_its_own_error(modules, name):
    error, message = EXPECTED[name]
    with pytest.raises(error, match=message):
        trial.run_in_process(b"content", f"trial_{name}")
    assert issubclass(trial.TrialUnavailable, InputError) and not issubclass(trial.UnusableFile, InputError)


def test_the_time_limit_and_how_to_raise_it_are_in_the_error(modules, monkeypatch):
    monkeypatch.setenv(trial.SECONDS, "0.2")
    with pytest.raises(
        trial.TrialUnavailable, match="longer than 0.2 s; .* set the environment variable KERAS_GAN_TRIAL_SECONDS"
    ):
        trial.run_in_process(b"content", "trial_slow")
    monkeypatch.setenv(trial.SECONDS, "300")
    trial.run_in_process(b"content", "trial_sound")


def test_the_memory_limit_comes_from_the_environment(modules, monkeypatch):
    monkeypatch.setenv(trial.GIGABYTES, "3")
    trial.run_in_process(b"content", "trial_limited")


@pytest.mark.parametrize("variable", [trial.SECONDS, trial.GIGABYTES])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_is_rejected(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"{variable} is '{value}'; expected a number above 0"):
        trial.run_in_process(b"content")


def test_a_process_that_cannot_be_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(trial.TrialUnavailable, match="cannot be started .*No such file"):
        trial.run_in_process(b"content")


def test_the_error_of_the_generator_has_the_reason(modules, tmp_path, monkeypatch):
    """For a file with the right identifier and damaged content."""
    from keras_gan.exports import edge

    file = tmp_path / "g.tflite"
    file.write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    with pytest.raises(InputError, match="g.tflite is damaged, or is no generator"):
        edge.Generator(file)
    monkeypatch.setenv(trial.SECONDS, "0.001")
    with pytest.raises(InputError, match="g.tflite cannot be tested: .* longer than 0.001 s"):
        edge.Generator(file)
    monkeypatch.delenv(trial.SECONDS)
    for name, message in (("missing", "cannot be tested: LiteRT cannot be imported"), ("killed", "memory ran out")):
        monkeypatch.setattr(
            edge, "run_in_process", lambda content, name=name: trial.run_in_process(content, f"trial_{name}")
        )
        with pytest.raises(InputError, match=message) as caught:
            edge.Generator(file)
        assert "damaged, or" not in str(caught.value)


def test_a_missing_litert_is_named(tmp_path):
    """In an environment without LiteRT: an import finder hides it."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'ai_edge_litert':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )
    file = tmp_path / "g.tflite"
    file.write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [
        sys.executable,
        "-c",
        "from keras_gan.exports import edge; edge.Generator(__import__('sys').argv[1])",
        file,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert "InputError" in last and "No module named 'ai_edge_litert" in last and "pip install ai-edge-litert" in last


def test_windows_has_no_sigkill(monkeypatch):
    monkeypatch.delattr(signal, "SIGKILL")
    assert isinstance(trial._diagnosis(3221225477, "", ""), trial.UnusableFile)  # 0xC0000005, an access violation
