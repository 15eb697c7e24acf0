"""What the chart renders is what Kubernetes takes, by its schemas, and what the service needs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import ROOT
from tests.service.deploy.conftest import CHART, KEY, KUBERNETES, Render
from tests.service.serving.test_service import call, predict

kubernetes_validate = pytest.importorskip("kubernetes_validate")
jsonschema = pytest.importorskip("jsonschema")

ALL_ON = {
    "variants": ["teacher", "distilled_int8"],
    "pathPrefix": "/classify",
    "adminKey": KEY,
    "databaseUrl": "postgresql://bonsai:secret@db/bonsai",
    "env": [{"name": "BONSAI_ACCESS_LOG", "value": "0.01"}],
    "imagePullSecrets": [{"name": "registry"}],
    "autoscaling": {"requestsInFlight": 8},
    "ingress": {"enabled": True, "className": "nginx", "host": "classify.example", "annotations": {"a": "b"}},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "web"}}}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "cpu", "operator": "Exists"}],
}
EACH = {"perVariant": True, "variants": ["teacher", "distilled_int8"]}
CASES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "all on": ALL_ON,
    "one replica": {"autoscaling": {"enabled": False}, "replicas": 1, "adminKey": KEY, "preStopSeconds": 0},
    "a secret that is there": {"existingSecret": "bonsai-keys", "image": {"digest": f"sha256:{'0' * 64}"}},
    "one Deployment a variant": {**EACH, "ingress": {"enabled": True}, "serviceMonitor": {"enabled": True}},
    "one replica at the most": {"autoscaling": {"minReplicas": 1, "maxReplicas": 1}, "adminKey": KEY},
    "KServe": {"kserve": {"enabled": True}},
    "KServe, one replica": {
        "kserve": {"enabled": True},
        "autoscaling": {"enabled": False},
        "replicas": 1,
        "adminKey": KEY,
    },
    "KServe, a variant each": {**EACH, "kserve": {"enabled": True}},
}
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
# The fields that the chart uses of two resources that are not Kubernetes' own, as their documentation has them
# (prometheus-operator's API v1, KServe's v1beta1): their whole schemas are in no package.
MONITOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["selector", "endpoints"],
    "properties": {
        "selector": {"type": "object", "properties": {"matchLabels": LABELS}, "additionalProperties": False},
        "endpoints": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "port": {"type": "string"},
                    "path": {"type": "string", "pattern": "^/"},
                    "interval": {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"},
                },
            },
        },
    },
}
OF_KSERVE = {
    "minReplicas": {"type": "integer"},
    "maxReplicas": {"type": "integer"},
    "scaleMetric": {"enum": ["cpu", "memory", "concurrency", "rps"]},
    "scaleTarget": {"type": "integer"},
    "labels": LABELS,
}


def check(manifest: dict[str, Any]) -> None:
    """Raise for what Kubernetes, strictly, would not take."""
    match manifest["kind"]:
        case "ServiceMonitor":
            jsonschema.validate(manifest["spec"], MONITOR)
        case "InferenceService":
            assert manifest["spec"].keys() == {"predictor"}
            predictor = manifest["spec"]["predictor"]
            jsonschema.validate(
                {key: predictor[key] for key in predictor.keys() & OF_KSERVE}, {"properties": OF_KSERVE}
            )
            # All else of a predictor is a pod's spec.
            pod = {key: each for key, each in predictor.items() if key not in OF_KSERVE}
            check({"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": pod})
        case _:
            for version in ("1.30", KUBERNETES, kubernetes_validate.latest_version()):
                kubernetes_validate.validate(manifest, version, strict=True)


def pods(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "Deployment"]
    return found or [each["spec"]["predictor"] for each in manifests if each["kind"] == "InferenceService"]


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in manifests if each["kind"] == kind]


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in pod["containers"][0]["env"]}


@pytest.mark.parametrize("case", CASES)
def test_what_is_rendered_fits_the_schemas(render: Render, case: str) -> None:
    manifests = render(**CASES[case])
    for manifest in manifests:
        check(manifest)
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(set(names)) == len(names)
    assert pods(manifests)


@pytest.mark.parametrize("path", [("spec", "replica"), ("spec", "template", "spec", "containers", 0, "livenesProbe")])
def test_the_schemas_know_what_is_wrong(render: Render, path: tuple[Any, ...]) -> None:
    (deployment,) = of_kind(render(), "Deployment")
    inner = deployment
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment)


def test_helm_finds_nothing_to_complain_of(helm: str) -> None:
    done = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES)
def test_pods_have_no_rights_and_write_to_one_folder(render: Render, case: str) -> None:
    for pod in pods(render(**CASES[case])):
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [list(each) for each in pod["volumes"]] == [["name", "emptyDir"]]
        assert [each["mountPath"] for each in container["volumeMounts"]] == ["/data"]
        assert environment(pod)["TMPDIR"] == "/data"


@pytest.mark.parametrize("case", CASES)
def test_a_pod_has_the_time_that_its_end_takes(render: Render, case: str) -> None:
    for pod in pods(render(**CASES[case])):
        given, (container,) = environment(pod), pod["containers"]
        before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        takes = before + int(given["BONSAI_DRAIN_S"]) + int(given["BONSAI_GRACE_S"])
        assert pod["terminationGracePeriodSeconds"] > takes + 5
        # The CPU limit is the one that says how many workers there are.
        assert container["resources"]["limits"]["cpu"] and "BONSAI_WORKERS" not in given


@pytest.mark.parametrize("case", CASES)
def test_what_belongs_together_has_the_same_labels(render: Render, case: str) -> None:
    manifests = render(**CASES[case])
    templates = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(manifests, "Deployment")
    }
    for each in manifests:
        match each["kind"]:
            case "Deployment" | "PodDisruptionBudget":
                selected = each["spec"]["selector"]["matchLabels"]
            case "Service":
                selected = each["spec"]["selector"]
            case _:
                continue
        name = each["metadata"]["name"]
        assert [other for other, labels in templates.items() if selected.items() <= labels.items()] == [name]
    for each in of_kind(manifests, "HorizontalPodAutoscaler"):
        assert each["spec"]["scaleTargetRef"]["name"] in templates
    for each in of_kind(manifests, "NetworkPolicy"):
        selected = each["spec"]["podSelector"]["matchLabels"]
        assert all(selected.items() <= labels.items() for labels in templates.values())
    for each in of_kind(manifests, "ServiceMonitor"):
        selected = each["spec"]["selector"]["matchLabels"]
        services = of_kind(manifests, "Service")
        assert all(selected.items() <= service["metadata"]["labels"].items() for service in services)
        ports = {port["name"] for service in services for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in each["spec"]["endpoints"]} <= ports


def test_every_setting_is_one_that_the_service_reads(render: Render) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))
    for case in CASES.values():
        for pod in pods(render(**case)):
            for name in environment(pod):
                assert name in ("TMPDIR", "HOME") or f'"{name}"' in source, name


def test_a_variant_each_is_asked_for_by_its_path(render: Render) -> None:
    manifests = render(**CASES["one Deployment a variant"])
    assert [environment(pod)["BONSAI_ONLY"] for pod in pods(manifests)] == EACH["variants"]
    assert len(of_kind(manifests, "HorizontalPodAutoscaler")) == len(of_kind(manifests, "PodDisruptionBudget")) == 2
    (ingress,) = of_kind(manifests, "Ingress")
    paths = {each["path"]: each["backend"]["service"]["name"] for each in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {
        path.format(name): f"shop-bonsai-{name.replace('_', '-')}"
        for name in EACH["variants"]
        for path in ("/{}/", "/v2/models/{}/", "/v1/models/{}", "/v1/models/{}:predict")
    }
    exact = {each["path"] for each in ingress["spec"]["rules"][0]["http"]["paths"] if each["pathType"] == "Exact"}
    assert exact == {path for path in paths if path.startswith("/v1/")}  # `teacher:predict` has no slash after its name


def test_the_file_of_keys_is_mounted_so_that_a_change_comes(render: Render) -> None:
    (pod,) = pods(render(keysSecret="shop-keys"))
    assert environment(pod)["BONSAI_KEYS"] == "/keys/keys"
    assert pod["volumes"][1:] == [{"name": "keys", "secret": {"secretName": "shop-keys"}}]
    assert pod["containers"][0]["volumeMounts"][1:] == [{"name": "keys", "mountPath": "/keys", "readOnly": True}]
    for manifest in render(keysSecret="shop-keys"):
        check(manifest)


def test_bounds_of_an_inference_service_are_those_of_what_it_stands_for(render: Render) -> None:
    (one,) = pods(render(**CASES["KServe, one replica"]))
    assert (one["minReplicas"], one["maxReplicas"], "scaleMetric" in one) == (1, 1, False)
    (several,) = pods(render(**CASES["KServe"]))
    assert (several["minReplicas"], several["maxReplicas"], several["scaleMetric"]) == (2, 10, "cpu")


def test_secrets_stand_in_the_secret_alone(render: Render) -> None:
    manifests = render(**ALL_ON)
    (secret,) = of_kind(manifests, "Secret")
    assert secret["stringData"] == {"admin-key": KEY, "database-url": ALL_ON["databaseUrl"]}
    others = json.dumps([each for each in manifests if each["kind"] != "Secret"])
    assert KEY not in others and "postgresql://" not in others
    assert of_kind(render(existingSecret="bonsai-keys"), "Secret") == []
    (policy,) = of_kind(manifests, "NetworkPolicy")
    assert [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]] == [53, 53, 5432]
    (alone,) = of_kind(render(), "NetworkPolicy")
    assert alone["spec"]["egress"] == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"adminKey": KEY}, "adminKey without databaseUrl"),
        ({"perVariant": True}, "perVariant needs the names"),
        ({**EACH, "databaseUrl": "postgresql://db/bonsai"}, "exclude one another"),
        ({"kserve": {"enabled": True}, "serviceMonitor": {"enabled": True}}, "KServe makes it"),
        ({"kserve": {"enabled": True}, "adminKey": KEY}, "adminKey without databaseUrl"),
        ({"autoscaling": {"enabled": False}, "adminKey": KEY}, "adminKey without databaseUrl"),
        ({**EACH, "existingSecret": "keys"}, "exclude one another"),
        ({"autoscaling": {"minReplicas": 5, "maxReplicas": 3}}, "minReplicas is 5 and maxReplicas 3; expected"),
        ({"perVariant": True, "variants": ["a", "a_"]}, "variants has 'a_'; with perVariant expected names"),
        ({"replicaCount": 3}, "replicaCount"),
        ({"adminKey": "short"}, "adminKey"),
        ({"variants": ["No Name"]}, "variants"),
    ],
)
def test_values_that_contradict_are_refused_in_a_sentence(render: Render, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        render(**values)


def test_the_containers_environment_serves_the_variants_that_are_named(deployed: str) -> None:
    status, answer, _ = call(f"{deployed}/variants")
    assert (status, [each["name"] for each in answer["variants"]]) == (200, ["teacher", "int8"])
    assert predict(deployed, "int8", texts=["where is my parcel"])[0] == 200
    status, answer, _ = predict(deployed, "distilled", texts=["where is my parcel"])
    assert status == 404 and "teacher, int8" in answer["error"]
    assert call(f"{deployed}/experiments", headers={"Authorization": f"Bearer {KEY}"})[0] == 200


@pytest.mark.parametrize("case", CASES)
def test_probes_ask_what_is_there(render: Render, deployed: str, case: str) -> None:
    prefix = CASES[case].get("pathPrefix", "")
    for pod in pods(render(**CASES[case])):
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            path = pod["containers"][0][name]["httpGet"]["path"]
            assert path.startswith(prefix) and call(f"{deployed}{path.removeprefix(prefix)}")[0] == 200


def test_haproxys_file_is_right(tmp_path: Path) -> None:
    """`make replicas` runs it; here it is read."""
    haproxy = Path("/usr/sbin/haproxy")
    text = (ROOT / "service" / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
    assert re.search(r"option httpchk GET /readyz", text)
    if not haproxy.exists():
        pytest.skip("HAProxy is not installed; 'apt-get install haproxy' brings it")
    addresses = {
        name: f"127.0.0.1:{port}" for port, name in enumerate(("FRONTEND", *re.findall(r"REPLICA_\d", text)), 1)
    }
    done = subprocess.run(
        [str(haproxy), "-c", "-f", str(ROOT / "service" / "deploy" / "haproxy.cfg")],
        env=addresses,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
