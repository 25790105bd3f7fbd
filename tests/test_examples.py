"""examples/: a TFJob that the operator takes and a script that Slurm takes, whose commands this package understands."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from keras_gan._utils.errors import InputError
from keras_gan.cli.train import train
from keras_gan.config import TrainConfig
from keras_gan.distribute import strategies

EXAMPLE = Path(__file__).parents[1] / "examples" / "kubernetes.yaml"
SCRIPT = EXAMPLE.with_name("slurm.sh")

# What kubeflow.org/v1 knows, as of the operator's release 1.9: the value's type, or the values to choose from.
RUN_POLICY = {
    "activeDeadlineSeconds": int,
    "backoffLimit": int,
    "cleanPodPolicy": {"All", "Running", "None"},
    "managedBy": str,
    "schedulingPolicy": dict,
    "suspend": bool,
    "ttlSecondsAfterFinished": int,
}
REPLICAS = {"replicas": int, "restartPolicy": {"Always", "OnFailure", "Never", "ExitCode"}, "template": dict}
SPEC = {"enableDynamicWorker": bool, "runPolicy": dict, "successPolicy": {"", "AllWorkers"}, "tfReplicaSpecs": dict}
REPLICA_TYPES = {"Chief", "Master", "Worker", "PS", "Evaluator"}
CONTAINER = "tensorflow"  # the one that is given TF_CONFIG
POD = {
    "containers": list,
    "nodeSelector": dict,
    "securityContext": dict,
    "terminationGracePeriodSeconds": int,
    "tolerations": list,
    "volumes": list,
}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGT]|[KMGT]i)?")

# What sbatch and srun of Slurm 20.11 to 25.05 know, and what values look like; None where they take none.
SBATCH = {
    "job-name": r"\w+",
    "nodes": r"\d+",
    "ntasks-per-node": r"\d+",
    "cpus-per-task": r"\d+",
    "gpus-per-node": r"(\w+:)?\d+",
    "mem": r"\d+[KMGT]",
    "time": r"\d+:\d\d:\d\d",
    "signal": r"([BR]{1,2}:)?(TERM|INT|USR1)@\d+",
    "requeue": None,
    "open-mode": r"append|truncate",
    "output": r"[\w%.-]+",
}
SRUN = {"label": None, "kill-on-bad-exit": r"[01]", "wait": r"\d+"}

# Stands for srun: notes how it was called, and ends with the status that it is told, or starts the tasks, here.
FAKE_SRUN = """
import json, os, subprocess, sys
start = sys.argv.index("kgan")
command = sys.argv[start:]
call = {"options": sys.argv[1:start], "command": command, "environment": dict(os.environ)}
open("srun.json", "w").write(json.dumps(call))
if "FAKE_STATUS" in os.environ:
    sys.exit(int(os.environ["FAKE_STATUS"]))
step = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": "2"}
tasks = [subprocess.Popen(command, env=os.environ | step | {"SLURM_PROCID": str(rank)}) for rank in range(2)]
sys.exit(max(task.wait() for task in tasks))
"""
FAKE_SCONTROL = """
import sys
open("scontrol.log", "a").write(" ".join(sys.argv[1:]) + "\\n")
"""


def faults(given, schema):
    """Names in `given` that `schema` does not know, and those whose value is not as it says."""
    return [
        name
        for name, value in given.items()
        if name not in schema
        or (value not in schema[name] if isinstance(schema[name], set) else type(value) is not schema[name])
    ]


@pytest.fixture(scope="module")
def documents():
    return {document["kind"]: document for document in yaml.safe_load_all(EXAMPLE.read_text())}


@pytest.fixture(scope="module")
def spec(documents):
    return documents["TFJob"]["spec"]


@pytest.fixture(scope="module")
def pods(spec):
    """The specification of a pod of each type."""
    return {name: replicas["template"]["spec"] for name, replicas in spec["tfReplicaSpecs"].items()}


@pytest.fixture(scope="module")
def containers(pods):
    """The container of each type that trains."""
    return {name: next(one for one in pod["containers"] if one["name"] == CONTAINER) for name, pod in pods.items()}


@pytest.fixture(scope="module")
def given(containers):
    """The options of the command, as click reads them: of all pods the same."""
    (command,) = {tuple(container["command"]) for container in containers.values()}
    assert command[:2] == ("kgan", "train")  # and no shell, which would keep SIGTERM from it
    return train.make_context("kgan train", list(command[2:])).params


@pytest.mark.parametrize("broken", [{"cleanPodPolicy": "Done"}, {"cleanPodsPolicy": "All"}, {"backoffLimit": "3"}])
def test_the_schema_finds_what_the_operator_would_not_take(broken):
    assert faults({"cleanPodPolicy": "None", "suspend": True} | broken, RUN_POLICY) == list(broken)


def test_it_is_a_job_of_the_operator_and_a_claim(documents):
    assert {kind: document["apiVersion"] for kind, document in documents.items()} == {
        "PersistentVolumeClaim": "v1",
        "TFJob": "kubeflow.org/v1",
    }
    for document in documents.values():
        # The operator names services after the job, and those must begin with a letter.
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", document["metadata"]["name"])


def test_every_field_is_one_that_the_operator_knows(spec, pods):
    assert not faults(spec, SPEC)
    assert not faults(spec["runPolicy"], RUN_POLICY)
    assert set(spec["tfReplicaSpecs"]) <= REPLICA_TYPES
    for replicas in spec["tfReplicaSpecs"].values():
        assert set(replicas) == set(REPLICAS) and not faults(replicas, REPLICAS)
        assert set(replicas["template"]) <= {"metadata", "spec"}
    for pod in pods.values():
        assert not faults(pod, POD)


def test_a_lost_worker_is_restarted_and_a_mistake_is_not(spec, pods):
    # Under ExitCode the operator restarts statuses from 128 on: 138 and 143 of kgan, not 0, 1 and 2.
    assert {replicas["restartPolicy"] for replicas in spec["tfReplicaSpecs"].values()} == {"ExitCode"}
    assert spec["runPolicy"]["activeDeadlineSeconds"] > 0 and "backoffLimit" not in spec["runPolicy"]
    assert spec["runPolicy"]["cleanPodPolicy"] == "Running"
    assert all(pod["terminationGracePeriodSeconds"] > 30 for pod in pods.values())  # 30 is what pods have anyway


def test_the_command_is_one_that_kgan_takes(given):
    assert given["strategy"] == "multiworker"
    settings = {name: given[name] for name in ("preset", "steps", "batch_size", "seed") if given[name] is not None}
    assert TrainConfig(given["data"], **settings).batch_size == given["batch_size"]


def test_three_workers_share_a_batch_evenly(spec, given):
    count = {name: replicas["replicas"] for name, replicas in spec["tfReplicaSpecs"].items()}
    assert count == {"Chief": 1, "Worker": 2}
    assert given["batch_size"] % sum(count.values()) == 0


def test_only_the_chief_mounts_the_claim_and_the_run_lies_in_it(documents, pods, containers, given):
    claim = documents["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    claims = {
        name: {v["name"]: v["persistentVolumeClaim"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
        for name, pod in pods.items()
    }
    assert claims == {"Chief": {"runs": {"claimName": claim["metadata"]["name"]}}, "Worker": {}}
    paths = {mount["name"]: mount["mountPath"] for mount in containers["Chief"]["volumeMounts"]}
    assert Path(given["run_dir"]).is_relative_to(paths["runs"])


def test_every_pod_has_a_place_for_datasets(pods, containers):
    for name, container in containers.items():
        volumes = {volume["name"] for volume in pods[name]["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert set(mounts.values()) == volumes
        places = {entry["name"]: Path(entry["value"]) for entry in container["env"]}
        assert set(places) == {"TFDS_DATA_DIR", "KERAS_GAN_CACHE"}
        assert all(place.is_relative_to("/data") for place in places.values()) and "/data" in mounts


def test_quantities_are_quantities(documents, containers):
    asked = [documents["PersistentVolumeClaim"]["spec"]["resources"]["requests"]]
    asked += [part for container in containers.values() for part in container["resources"].values()]
    assert len(asked) == 5
    assert all(isinstance(q, str) and QUANTITY.fullmatch(q) for part in asked for q in part.values())


def words(lines):
    """Options by name, each with its value or None, from words like --name=value."""
    pairs = (re.fullmatch(r"--([\w-]+)(?:=(\S+))?", line).groups() for line in lines)
    return dict(pairs)


def unknown(given, known):
    """Names in `given` that are not known, and those whose value does not look as it should."""
    return [
        name
        for name, value in given.items()
        if name not in known
        or (known[name] is None) != (value is None)
        or not re.fullmatch(known[name] or "", value or "")
    ]


@pytest.fixture(scope="module")
def sbatch():
    """The options that the script gives to sbatch."""
    return words(re.findall(r"^#SBATCH (.*)$", SCRIPT.read_text(), re.MULTILINE))


@pytest.fixture
def submit(tmp_path):
    """Runs the script as Slurm would, in an empty folder, with arguments and settings, to its status and its error."""
    for name, program in {"srun": FAKE_SRUN, "scontrol": FAKE_SCONTROL}.items():
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!{sys.executable}\n{program}")
        file.chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    job = {"PATH": path, "SLURM_JOB_ID": "60123", "SLURM_CPUS_PER_TASK": "8", "CUDA_VISIBLE_DEVICES": "-1"}

    def run(*arguments, **settings):
        command = ["bash", SCRIPT, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | job | settings, capture_output=True, text=True)
        return done.returncode, done.stderr

    return run


def called(folder):
    """How the script called srun."""
    return json.loads((folder / "srun.json").read_text())


def requeued(folder):
    """How the script called scontrol."""
    log = folder / "scontrol.log"
    return log.read_text().splitlines() if log.exists() else []


def two_free_ports():
    """The first of two ports next to one another at which nobody listens."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("localhost", 0))
            port = one.getsockname()[1]
            try:
                other.bind(("localhost", port + 1))
            except OSError:
                continue
            return port


@pytest.mark.parametrize("broken", [{"node": "3"}, {"requeue": "1"}, {"nodes": None}, {"time": "4h"}])
def test_the_facts_find_what_sbatch_would_not_take(broken):
    assert unknown({"nodes": "3", "requeue": None} | broken, SBATCH) == list(broken)


def test_the_script_is_one_that_bash_and_sbatch_take(sbatch):
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    text = SCRIPT.read_text()
    assert text.startswith("#!/bin/bash\n")
    left_out = words(re.findall(r"^##SBATCH (.*)$", text, re.MULTILINE))
    assert not unknown(sbatch, SBATCH) and not unknown(left_out, SBATCH) and set(left_out) == {"gpus-per-node"}
    # sbatch reads no further than the first command.
    commands = [number for number, line in enumerate(text.splitlines()) if line and not line.startswith("#")]
    assert "SBATCH" not in "".join(text.splitlines()[commands[0] :])


def test_slurm_saves_before_the_time_is_over_and_may_start_again(sbatch, submit, tmp_path):
    assert {"requeue": None, "open-mode": "append"}.items() <= sbatch.items()
    name, seconds = sbatch["signal"].split("@")  # without B:, which would send it to the script alone
    assert submit(FAKE_STATUS="0") == (0, "")
    srun = words(called(tmp_path)["options"])
    assert not unknown(srun, SRUN)
    # The workers end before the chief has saved, which must have time for it, and less than there is.
    assert name == "TERM" and srun["kill-on-bad-exit"] == "0" and 30 < int(srun["wait"]) < int(seconds)


def test_slurm_is_given_a_command_that_kgan_takes(sbatch, submit, tmp_path):
    assert submit(FAKE_STATUS="0") == (0, "")
    call = called(tmp_path)
    assert call["command"][:2] == ["kgan", "train"]
    given = train.make_context("kgan train", call["command"][2:]).params
    assert (given["data"], given["run_dir"], given["strategy"]) == ("mnist", "runs/mnist", "multiworker")
    assert given["batch_size"] % (int(sbatch["nodes"]) * int(sbatch["ntasks-per-node"])) == 0
    assert given["batch_size"] == 96
    # 60,123 mod 20,000 is 123.
    environment = call["environment"]
    assert (environment["KERAS_GAN_PORT"], environment["SRUN_CPUS_PER_TASK"]) == ("10123", "8")


def test_arguments_of_the_script_go_to_kgan(submit, tmp_path):
    assert submit("my faces/", "--run", "runs/faces", "--batch-size", "48", FAKE_STATUS="0") == (0, "")
    given = train.make_context("kgan train", called(tmp_path)["command"][2:]).params
    assert (given["data"], given["run_dir"], given["batch_size"]) == ("my faces/", "runs/faces", 48)


@pytest.mark.parametrize("status", [0, 1, 2, 137, 138, 143])
def test_only_a_lost_worker_and_a_request_to_leave_start_the_job_again(submit, tmp_path, status):
    assert submit(FAKE_STATUS=str(status), SLURM_RESTART_COUNT="99") == (status, "")
    assert requeued(tmp_path) == (["requeue 60123"] if status in (138, 143) else [])


def test_a_job_that_fails_over_and_over_ends(submit, tmp_path):
    assert submit(FAKE_STATUS="138", SLURM_RESTART_COUNT="100") == (138, "")
    assert requeued(tmp_path) == []


def test_the_script_trains_with_two_workers_here(submit, tmp_path):
    options = ["--steps", "4", "--batch-size", "6"]
    status, said = submit("digits", "--run", "runs/digits", *options, KERAS_GAN_PORT=str(two_free_ports()))
    assert status == 0, said
    assert said.count("2 workers, each with 3 images in a step") == 1  # the chief alone speaks
    assert [file.stem for file in (tmp_path / "runs/digits/checkpoints").iterdir()] == ["step_0000004"]
    assert requeued(tmp_path) == []


def in_a_step(monkeypatch, **changed):
    """Puts this process into a step of Slurm's: rank 2 of tasks on n9, n10 (two of them) and m1."""
    step = {"PROCID": "2", "STEP_NUM_TASKS": "4", "STEP_NODELIST": "n[9-10],m1", "STEP_TASKS_PER_NODE": "1,2,1"}
    for name, value in (step | changed).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_workers_of_slurm_are_in_the_order_of_their_ranks(monkeypatch):
    in_a_step(monkeypatch)
    monkeypatch.setenv("KERAS_GAN_PORT", "10123")
    resolver = strategies._cluster()
    assert resolver.cluster_spec().as_dict() == {"worker": ["n9:10123", "n10:10123", "n10:10124", "m1:10123"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 2)


@pytest.mark.parametrize(
    "changed", [{"PROCID": "4"}, {"STEP_NUM_TASKS": "3"}, {"STEP_TASKS_PER_NODE": "2,2"}, {"STEP_NODELIST": "n[9-"}]
)
def test_a_step_that_slurm_would_not_describe_is_refused_with_its_words(monkeypatch, changed):
    in_a_step(monkeypatch, **changed)
    ((name, value),) = changed.items()
    with pytest.raises(InputError, match=re.escape(f"SLURM_{name}={value}")):
        strategies._cluster()
