"""Every query of the dashboard and of the autoscaler's rule is PromQL, and asks for what a running service tells."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.service.conftest import ROOT
from tests.service.deploy.conftest import CHART, KEY, Render
from tests.service.serving.test_service import call, predict

promql_parser = pytest.importorskip("promql_parser")

DASHBOARD = json.loads((CHART / "dashboards" / "bonsai.json").read_text(encoding="utf-8"))
ADAPTER = yaml.safe_load((ROOT / "service" / "deploy" / "prometheus-adapter.yaml").read_text(encoding="utf-8"))[
    "rules"
]["custom"]
OF_THE_TARGET = {"job", "instance", "pod", "namespace", "service"}  # Prometheus adds them to what a pod tells
TARGETS = [
    (panel["title"], target["expr"], target["legendFormat"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
Told = dict[str, set[str]]


@pytest.fixture(scope="module")
def told(deployed: str) -> Told:
    """The labels of each series that a service tells which was asked, was asked badly, and runs an experiment."""
    admin = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    arms = [{"variant": "teacher", "weight": 0.5}, {"variant": "int8", "weight": 0.5}]
    asked = {"name": "queries", "control": "teacher", "arms": arms}
    assert call(f"{deployed}/experiments", json.dumps(asked).encode(), headers=admin)[0] == 201
    until, found = time.monotonic() + 30, Told()
    while not {"bonsai_records_written_total", "bonsai_records_lost_total"} <= found.keys():
        assert time.monotonic() < until
        assert predict(deployed, "int8", texts=["where is my parcel"])[0] == 200
        assert predict(deployed, "int8", texts=[])[0] == 400
        assert call(f"{deployed}/predict", json.dumps({"texts": ["where is my parcel"]}).encode())[0] == 200
        time.sleep(0.2)
        with urllib.request.urlopen(f"{deployed}/metrics", timeout=600) as response:
            text = response.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def nodes(node: Any) -> Iterator[Any]:
    """Yield a query's parts, from the outermost in."""
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inner = getattr(node, name, None)
        if inner is not None:
            yield from nodes(inner)
    for inner in getattr(node, "args", None) or []:
        yield from nodes(inner)


def selectors(query: str) -> dict[str, set[str]]:
    """Return the series that a query asks for, and the labels that it asks them by."""
    found = dict[str, set[str]]()
    for node in nodes(promql_parser.parse(query.replace("$__rate_interval", "5m"))):
        if isinstance(node, promql_parser.VectorSelector):
            found.setdefault(node.name, set()).update(matcher.name for matcher in node.matchers.matchers)
    return found


def groupings(query: str) -> set[str]:
    """Return the labels that a query sums over or joins by."""
    found = set[str]()
    for node in nodes(promql_parser.parse(query.replace("$__rate_interval", "5m"))):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found |= set(node.modifier.labels)
    return found


@pytest.mark.parametrize(("title", "query", "legend"), TARGETS, ids=[title for title, *_ in TARGETS])
def test_a_panel_asks_for_what_is_told(told: Told, title: str, query: str, legend: str) -> None:
    asked = selectors(query)
    assert asked
    for name, labels in asked.items():
        assert name in told, f"{title}: no '{name}' in /metrics"
        assert labels <= told[name] | OF_THE_TARGET, f"{title}: {labels - told[name]} of '{name}'"
    there = OF_THE_TARGET.union(*(told[name] for name in asked))
    assert groupings(query) <= there
    assert set(re.findall(r"{{(\w+)}}", legend)) <= groupings(query)


def test_variables_of_the_dashboard_list_what_is_told(told: Told) -> None:
    queries = [each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert queries
    for query in queries:
        ((name, label),) = re.findall(r"^label_values\((\w+), (\w+)\)$", query)
        assert label in told[name] | OF_THE_TARGET
    known = {each["name"] for each in DASHBOARD["templating"]["list"]} | {"__rate_interval"}
    used = {name for _, query, _ in TARGETS for name in re.findall(r"\$(\w+)", query)}
    assert used <= known


def test_the_autoscalers_metric_is_told_and_made_by_the_adapters_rule(render: Render, told: Told) -> None:
    manifests = render(autoscaling={"requestsInFlight": 8})
    (scaler,) = (each["spec"] for each in manifests if each["kind"] == "HorizontalPodAutoscaler")
    (name,) = (each["pods"]["metric"]["name"] for each in scaler["metrics"] if each["type"] == "Pods")
    (rule,) = (each for each in ADAPTER if each["name"]["as"] == name)
    filled = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", 'namespace="web"')
    assert re.fullmatch(rule["name"]["matches"], name)
    for query in (filled, rule["seriesQuery"]):
        assert list(selectors(query)) == [name]
        assert selectors(query)[name] <= told[name] | OF_THE_TARGET
    assert rule["resources"]["overrides"].keys() == {"namespace", "pod"}


def test_the_dashboard_in_the_cluster_is_the_file(render: Render) -> None:
    (config,) = (each for each in render(dashboard={"enabled": True}) if each["kind"] == "ConfigMap")
    assert json.loads(config["data"]["bonsai.json"]) == DASHBOARD
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
