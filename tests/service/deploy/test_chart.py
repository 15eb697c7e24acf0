"""What the chart renders is what Kubernetes takes, by its schemas, and what the service needs."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.service.conftest import ROOT
from tests.service.deploy.conftest import CHART, KEY, KUBERNETES, Render
from tests.service.serving.test_service import call, predict

kubernetes_validate = pytest.importorskip("kubernetes_validate")
jsonschema = pytest.importorskip("jsonschema")

DIGEST = f"sha256:{'0' * 64}"
DNS = [53, 53, 5353, 5353]
NODES = {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["cpu"]}]}
COLLECTOR = {"ports": [{"port": 4317, "protocol": "TCP"}], "to": [{"namespaceSelector": {}}]}
ONE = {"autoscaling": {"enabled": False}, "replicas": 1}
CLAIM = {**ONE, "persistence": {"existingClaim": "shop-data"}, "adminKey": KEY}
TLS = {"tls": {"secretName": "shop-tls"}}
IN_ENV = {"name": "BONSAI_DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}
KSERVE = {"kserve": {"enabled": True}}
ALL_ON: dict[str, Any] = {
    "variants": ["teacher", "distilled_int8"],
    "pathPrefix": "/classify",
    "adminKey": KEY,
    "databaseUrl": "postgresql://bonsai:secret@db/bonsai",
    "env": [{"name": "BONSAI_ACCESS_LOG", "value": "0.01"}],
    "imagePullSecrets": [{"name": "registry"}],
    "autoscaling": {"requestsInFlight": 8},
    "ingress": {"enabled": True, "className": "nginx", "host": "classify.example", "annotations": {"a": "b"}},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "web"}}}], "egress": [COLLECTOR]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True},
    "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "podSecurityContext": {"fsGroup": 1034},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [NODES]}}},
    "tolerations": [{"key": "cpu", "operator": "Exists"}],
}
EACH = {"perVariant": True, "variants": ["teacher", "distilled_int8"]}
CASES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "all on": ALL_ON,
    "one replica": {**CLAIM, "preStopSeconds": 0},
    "a secret that is there": {"existingSecret": "bonsai-keys", "image": {"digest": DIGEST}},
    "one Deployment a variant": {**EACH, "ingress": {"enabled": True}, "serviceMonitor": {"enabled": True}},
    "one replica at the most": {"autoscaling": {"minReplicas": 1, "maxReplicas": 1}},
    "a database in env": {"adminKey": KEY, "env": [IN_ENV]},
    "TLS": {**TLS, "serviceMonitor": {"enabled": True, "tlsConfig": {"serverName": "shop.example"}}},
    "KServe": KSERVE,
    "KServe, one replica": {**KSERVE, **ONE, "adminKey": KEY, "env": [IN_ENV]},
    "KServe, a variant each": {**EACH, **KSERVE, "podAnnotations": {"a": "b"}},
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
                    "scheme": {"enum": ["http", "https"]},
                    "tlsConfig": {"type": "object"},
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
    "annotations": LABELS,
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
    done = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, timeout=600)
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
        kept = "persistence" in CASES[case]
        assert list(pod["volumes"][0]) == ["name", "persistentVolumeClaim" if kept else "emptyDir"]
        mounts = {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}
        assert mounts == {"/data": False, **({"/tls": True} if "tls" in CASES[case] else {})}
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


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({}, []),
        ({"databaseUrl": "postgresql://db/bonsai"}, [*DNS, 5432]),
        ({"existingSecret": "keys"}, [*DNS, 5432]),
        ({"env": [IN_ENV]}, [*DNS, 5432]),
        ({"env": [{"name": "BONSAI_DATABASE_URL", "value": "postgresql://db:6432/bonsai"}]}, [*DNS, 5432]),
        ({"env": [{"name": "BONSAI_STRICT", "value": "1"}]}, []),
        (CLAIM, []),
        ({"networkPolicy": {"egress": [COLLECTOR]}}, [*DNS, 4317]),
        ({"env": [IN_ENV], "networkPolicy": {"egress": [COLLECTOR], "databasePort": 6432}}, [*DNS, 6432, 4317]),
    ],
)
def test_a_pod_may_ask_what_it_is_told_to(render: Render, values: dict[str, Any], ports: list[int]) -> None:
    (policy,) = of_kind(render(**values), "NetworkPolicy")
    check(policy)
    assert [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]] == ports
    if "networkPolicy" in values:
        assert policy["spec"]["egress"][-1] == COLLECTOR


@pytest.mark.parametrize(
    ("values", "who"),
    [
        ({}, [{"podSelector": {}}]),
        ({"service": {"type": "LoadBalancer"}}, None),
        ({"service": {"type": "NodePort"}}, None),
        (ALL_ON, ALL_ON["networkPolicy"]["from"]),
    ],
)
def test_a_service_for_those_outside_can_be_reached(render: Render, values: dict[str, Any], who: Any) -> None:
    (policy,) = of_kind(render(**values), "NetworkPolicy")
    (rule,) = policy["spec"]["ingress"]
    assert (rule.get("from"), [port["port"] for port in rule["ports"]]) == (who, [3000])


def test_what_the_cluster_is_told_is_what_was_given(render: Render) -> None:
    manifests = render(**ALL_ON)
    (service,), (pod,) = of_kind(manifests, "Service"), pods(manifests)
    assert service["metadata"]["annotations"] == ALL_ON["service"]["annotations"]
    assert pod["affinity"] == ALL_ON["affinity"]


def test_a_pod_can_be_told_to_listen_on_ipv6(render: Render) -> None:
    (pod,) = pods(render(env=[{"name": "BENTOML_HOST", "value": "::"}]))
    assert environment(pod)["BENTOML_HOST"] == "::"
    spec = importlib.util.find_spec("bentoml_cli.serve")
    assert spec is not None and spec.origin is not None
    assert 'envvar="BENTOML_HOST"' in Path(spec.origin).read_text(encoding="utf-8")


def test_no_group_is_asked_for_that_openshift_would_refuse(render: Render) -> None:
    safe = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert [pod["securityContext"] for pod in pods(render())] == [safe]
    assert [pod["securityContext"] for pod in pods(render(**ALL_ON))] == [{**safe, "fsGroup": 1034}]


def test_the_one_pod_of_a_claim_ends_before_the_next_begins(render: Render) -> None:
    (deployment,), (pod,) = of_kind(render(**CLAIM), "Deployment"), pods(render(**CLAIM))
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert pod["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "shop-data"}}]
    (without,) = of_kind(render(), "Deployment")
    assert without["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize(
    "values", [{"existingSecret": "keys"}, {"adminKey": KEY}, {"databaseUrl": "postgresql://db/b"}]
)
def test_a_database_in_env_is_the_only_one(render: Render, values: dict[str, Any]) -> None:
    """Two of one name are refused by a server-side apply."""
    (pod,) = pods(render(**values, env=[IN_ENV]))
    named = [each for each in pod["containers"][0]["env"] if each["name"] == "BONSAI_DATABASE_URL"]
    assert named == [IN_ENV]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ({}, yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]),
        ({"tag": "1"}, "1"),
        ({"tag": "a" * 64}, "a" * 63),
        ({"tag": "_1.2+b."}, "1.2-b"),
        ({"tag": f"{'a' * 62}-b"}, "a" * 62),
        ({"digest": DIGEST}, None),
        ({"digest": DIGEST, "tag": "1"}, "1"),
    ],
)
def test_the_version_is_a_label_that_is_legal_and_right(
    render: Render, image: dict[str, str], version: str | None
) -> None:
    for manifest in render(image=image):
        check(manifest)
        assert manifest["metadata"]["labels"].get("app.kubernetes.io/version") == version


def test_tls_is_spoken_by_pods_and_all_that_ask_them(render: Render) -> None:
    manifests = render(**CASES["TLS"])
    (pod,) = pods(manifests)
    (container,) = pod["containers"]
    assert container["args"] == ["--ssl-certfile", "/tls/tls.crt", "--ssl-keyfile", "/tls/tls.key"]
    told = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")  # whose command is proven
    assert all(f" {option} " in told for option in container["args"][::2])
    assert pod["volumes"][1:] == [{"name": "tls", "secret": {"secretName": "shop-tls"}}]
    probes = [container[f"{name}Probe"]["httpGet"]["scheme"] for name in ("startup", "readiness", "liveness")]
    assert probes == ["HTTPS"] * 3
    ((port,),) = (each["spec"]["ports"] for each in of_kind(manifests, "Service"))
    assert port["appProtocol"] == "https"
    ((endpoint,),) = (each["spec"]["endpoints"] for each in of_kind(manifests, "ServiceMonitor"))
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == ("https", {"serverName": "shop.example"})
    plain = json.dumps(render(serviceMonitor={"enabled": True}))
    assert "HTTPS" not in plain and "https" not in plain and "--ssl" not in plain


def test_pods_of_an_inference_service_are_annotated_and_reached_as_others(render: Render) -> None:
    given = {"podAnnotations": {"a": "b"}, "databaseUrl": "postgresql://db/bonsai"}
    (deployment,) = of_kind(render(**given), "Deployment")
    manifests = render(**KSERVE, **given)
    (predictor,) = pods(manifests)
    assert predictor["annotations"] == deployment["spec"]["template"]["metadata"]["annotations"]
    assert predictor["annotations"]["a"] == "b"
    (other,) = pods(render(**KSERVE, databaseUrl="postgresql://other/bonsai"))
    assert other["annotations"]["checksum/secret"] != predictor["annotations"]["checksum/secret"]
    (policy,) = of_kind(manifests, "NetworkPolicy")
    (rule,) = policy["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [3000, 8012, 8013, 9090]  # the last three: Knative's queue-proxy


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"adminKey": KEY}, "adminKey without a database.*existingSecret, or persistence.existingClaim"),
        ({**ONE, "adminKey": KEY}, "adminKey without a database"),
        ({**CLAIM, "replicas": 2}, "persistence.existingClaim is written to by one pod alone; set replicas=1"),
        ({**CLAIM, "autoscaling": {"minReplicas": 1, "maxReplicas": 1}}, "autoscaling.enabled=false"),
        ({**EACH, **ONE, "persistence": {"existingClaim": "shop-data"}}, "neither perVariant"),
        ({**CLAIM, **KSERVE}, "nor kserve.enabled"),
        ({**KSERVE, **TLS}, "set one of tls.secretName and kserve.enabled"),
        ({**KSERVE, "ingress": {"enabled": True}}, "set one of ingress.enabled and kserve.enabled"),
        ({**KSERVE, "autoscaling": {"requestsInFlight": 8}}, "set one of autoscaling.requestsInFlight and kserve"),
        ({"persistence": {"existing": "shop-data"}}, "existing"),
        ({"perVariant": True}, "perVariant needs the names"),
        ({**EACH, "databaseUrl": "postgresql://db/bonsai"}, "exclude one another"),
        ({**KSERVE, "serviceMonitor": {"enabled": True}}, "KServe makes it"),
        ({**KSERVE, "adminKey": KEY}, "adminKey without a database"),
        ({**EACH, "existingSecret": "keys"}, "exclude one another"),
        ({**EACH, "env": [IN_ENV]}, "exclude one another"),
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
