"""examples/kubernetes.yaml is a TFJob that the operator takes, whose command this package understands."""

import re
from pathlib import Path

import pytest
import yaml

from keras_gan.cli.train import train
from keras_gan.config import TrainConfig

EXAMPLE = Path(__file__).parents[1] / "examples" / "kubernetes.yaml"

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
