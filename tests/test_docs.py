"""Every command of README, CONTRIBUTING and docs/ is proven here, by a test that is named here, or stands in the list
of those that are not run.
"""

import ast
import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import models.recipe
from bonsai import COMMANDS
from service.routes.messages import PredictResponse

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DEMO = "loadtest/results/published/demo"

# A command → what is run of it here, with names of files that are there.
RUN = {
    "bonsai --help": "python -m bonsai --help",
    "python -m loadtest.compare OLD NEW": f"python -m loadtest.compare {DEMO} {DEMO}",
    "python -m loadtest.compare OLD NEW --relative": f"python -m loadtest.compare {DEMO} {DEMO} --relative",
}
# A command → the test that does the same, on the tiny build or the server of known times.
PROVEN = {
    'curl -s localhost:3000/variants -H "Authorization: Bearer $BONSAI_ADMIN_KEY" -H \'Content-Type: application/json\' -d \'{"name": "tiny", "passes": [{"quantize": {}}]}\'': "test_the_requests_of_the_page_are_accepted",
    'curl -s localhost:3000/variants -H "Authorization: Bearer $BONSAI_ADMIN_KEY" -H \'Content-Type: application/json\' -d \'{"name": "fast", "goal": {"under_ms": 1.0}}\'': "test_the_requests_of_the_page_are_accepted",
    "curl -s localhost:3000/builds/1-tiny -H \"Authorization: Bearer $BONSAI_ADMIN_KEY\" -H 'Prefer: wait=20'": "test_a_variant_on_the_fly_is_the_one_that_a_build_would_make",
    "curl -sN localhost:3000/builds/1-tiny -H \"Authorization: Bearer $BONSAI_ADMIN_KEY\" -H 'Accept: text/event-stream'": "test_a_build_can_be_watched_as_events",
    'curl -s -X DELETE localhost:3000/variants/tiny -H "Authorization: Bearer $BONSAI_ADMIN_KEY"': "test_a_variant_is_unloaded_unless_it_is_needed",
    'curl -s localhost:3000/experiments -H "Authorization: Bearer $BONSAI_ADMIN_KEY" -H \'Content-Type: application/json\' -d \'{"name": "nano_ab", "control": "teacher", "arms": [{"variant": "teacher", "weight": 0.8}, {"variant": "nano", "weight": 0.2}], "unit": {"header": "X-User-Id"}}\'': "test_the_requests_of_the_page_are_answered",
    "curl -s localhost:3000/predict -H 'X-User-Id: anna' -H 'Content-Type: application/json' -d '{\"texts\": [\"where is my parcel\"]}'": "test_the_requests_of_the_page_are_answered",
    'curl -s localhost:3000/experiments/nano_ab -H "Authorization: Bearer $BONSAI_ADMIN_KEY"': "test_the_requests_of_the_page_are_answered",
    "python -m service.experiments report nano_ab": "test_the_command_line_says_the_same_and_ends_with_the_decision",
    "python -m service.experiments report nano_ab --json": "test_the_command_line_says_the_same_and_ends_with_the_decision",
    "python -m service.experiments export nano_ab nano_ab.parquet": "test_everything_can_be_exported",
    "python -m service.experiments replay --texts logs.jsonl --arms teacher,nano": "test_the_command_compares_real_variants",
    "BONSAI_MODEL=my-bert BONSAI_DATA=rows.csv BONSAI_QUANTIZE=int8 BONSAI_VARIANTS=my-variants bentoml serve service.service:bonsai": "test_a_bento_without_torch_serves_a_model_that_somebody_has_and_its_int8",
    "bentoml serve service.service:bonsai --port 8080": "test_answers_equal_the_evaluated_labels",
    "bonsai build --dataset data/my.csv": "test_a_command_is_what_its_module_is",
    'bonsai figure softening "my text"': "test_one_text_becomes_a_table_and_a_picture",
    "python -m models.figures dark_knowledge": "test_every_student_is_stored",
    "bonsai serve --port 8080": "test_serve_looks_for_variants_where_build_puts_them",
    "curl -s localhost:3000/variants": "test_the_requests_of_the_pages_are_answered",
    (
        "curl -s localhost:3000/nano/predict -H 'Content-Type: application/json' -d '{\"texts\": [\"where is my "
        'parcel", '
        '"cancel my order"]}\''
    ): ("test_the_requests_of_the_pages_are_answered"),
    "curl -s localhost:3000/nano/predict -H 'Content-Type: application/json' "
    '-d \'{"texts": ["my parcel says delivered but nothing is here"], "top_k": 2}\'': "test_the_requests_of_the_pages_are_answered",
    "locust -f loadtest/locustfile.py --host http://localhost:3000 --variant int8": "test_a_variant_is_asked_and_exact_percentiles_are_said",
    "locust -f loadtest/locustfile.py --host http://localhost:3000 --variant int8 --rate 50": (
        "test_a_rate_makes_it_an_open_loop_that_the_service_cannot_slow_and_a_mix_is_told_apart"
    ),
    (
        "locust -f loadtest/locustfile.py,loadtest/ramp.py --headless --host http://localhost:3000 --variant int8 "
        "--rate "
        "20"
    ): ("test_the_ramp_adds_a_user_at_each_step"),
    "locust -f loadtest/locustfile.py --worker --master-host HERE": "test_workers_exact_times_come_home_to_the_master",
    "make image": "test_every_route_answers",
    "make image BASE_IMAGE=localhost/bonsai-python:3.11": "test_every_route_answers",
    "podman run --rm --read-only --user 12345:0 --cap-drop all --tmpfs /data --publish 3000:3000 localhost/bonsai:latest": "test_it_is_nobody_and_writes_to_its_volume_alone",
    "make bento": "test_the_bento_answers_as_the_build_does",
    "python -m loadtest.again --host http://localhost:3000 --seconds 1": "test_a_variant_is_compared_with_itself",
    "python -m loadtest.ceiling": "test_the_ceiling_is_measured_in_both_loops",
    "python -m loadtest.report": "test_everything_is_drawn_from_result_json_alone",
    "python -m loadtest.run --host A --against B": "test_two_services_are_measured_in_turns_and_compared_variant_by_variant",
    "python -m loadtest.run --mix teacher=1,int8=3 --rate 100": "test_two_generator_processes_add_up_and_a_mix_is_told_apart",
    "python -m loadtest.run --processes 2": "test_two_generator_processes_add_up_and_a_mix_is_told_apart",
    "python -m loadtest.run --quick": "test_a_good_run_ends_well_and_leaves_all_its_files",
    "python -m loadtest.run --texts-file texts.txt": "test_some_variants_alone_without_the_teacher_and_with_texts_of_our_own",
    "python -m loadtest.run --variants teacher nano --scenarios Server --p99-limit 20": "test_the_limit_is_five_times_the_baselines_p99_unless_it_is_given",
    "python -m loadtest.truth": "test_client_and_server_count_the_same_requests",
    "python -m models.figures pruning": "test_pruning_stores_each_cell_and_goes_on_where_it_was_killed",
    "python -m models.figures granularity": "test_granularities_have_equal_parameters_and_a_table",
    "python -m models.build --dataset data/ --text-column question --label-column topic --skip-unusable": "test_the_command_line_says_how_data_are_read",
    "python -m models.build --dataset data/my.csv": "test_other_data_and_another_teacher_from_the_command_line",
    "python -m models.build --recipe my.yaml": "test_a_new_variant_redoes_nothing_else",
    "python -m models.build --recipe my.yaml --only small": "test_only_one_variant_beside_what_is_there",
    "python -m models.build --recipe my.yaml --only small --out elsewhere": "test_only_in_an_empty_folder_builds_the_teacher_and_it",
    "python -m models.build --teacher path/to/bert --dataset data/": "test_other_data_and_another_teacher_from_the_command_line",
    "python -m models.bench --dataset data/my.csv --rounds 7 --out my.json": "test_one_run_measures_all_variants_and_controls",
    "python -m models.bench --out models/results/published/NAME.json": "test_one_run_measures_all_variants_and_controls",
    "python -m loadtest.serving --variant int8 --servers ours ours_again mosec --rounds 3": "test_servers_are_compared_and_the_table_is_drawn",
    "python -m service.keys list": "test_a_key_is_made_listed_and_removed",
    "python -m service.keys new ops --role admin": "test_a_key_is_made_listed_and_removed",
    "python -m service.keys new shop --role predict --texts-per-second 500 --burst 2000": "test_a_key_is_made_listed_and_removed",
    "python -m service.keys remove shop": "test_a_key_is_made_listed_and_removed",
    'curl -s localhost:3000/nano/predict -H "Authorization: Bearer $BONSAI_KEY" -H \'Content-Type: application/json\' -d \'{"texts": ["where is my parcel"]}\'': "test_a_prediction_asks_for_a_key_whichever_way_it_enters",
    "bentoml serve service.service:bonsai --ssl-certfile cert.pem --ssl-keyfile key.pem": "test_many_connections_with_tls_are_answered_by_both_workers",
    "curl -s --cacert cert.pem https://localhost:3000/variants": "test_health_metrics_and_pages_ask_for_none",
    "python -m docs.tables": "test_the_pages_show_what_is_stored",
    "python -m service.evidence.simulate --kind paired tango --out my.json": "test_a_kind_has_its_own_numbers_whichever_others_are_drawn",
    "python -m models.predict nano questions.csv answers.csv": "test_a_killed_run_goes_on_to_the_same_bytes",
    "python -m models.predict nano questions.csv answers.csv --engine ray": "test_a_cluster_writes_what_this_machine_writes",
    "python -m models.predict nano questions.parquet answers.jsonl --text-column question --prefix predicted_": "test_columns_have_the_names_that_are_asked_for",
    "python -m models.report": "test_the_same_files_give_the_same_bytes",
}
NOT_RUN = {
    "helm template shop service/deploy/helm/bonsai --namespace web": "needs helm; tests/service/deploy runs it where there is one",
    "helm template shop service/deploy/helm/bonsai --set autoscaling.requestsInFlight=8": "the same",
    "helm lint --strict service/deploy/helm/bonsai": "the same",
    "helm upgrade --install shop service/deploy/helm/bonsai --namespace web --set image.repository=registry.example/bonsai --set-string image.tag=1": "needs a cluster; what it sends is held against the schemas",
    "helm repo add prometheus-community https://prometheus-community.github.io/helm-charts": "needs the network",
    "helm upgrade --install adapter prometheus-community/prometheus-adapter --values service/deploy/prometheus-adapter.yaml --set prometheus.url=http://prometheus-operated.monitoring.svc": "needs a cluster; its query is held against /metrics",
    "make replicas": "ten minutes; needs haproxy and wrk",
    "BONSAI_ADMIN_KEY=$(openssl rand -hex 32) make serve": "its command is proven above, with a key in tests/service/experiments",
    ". .venv/bin/activate": "the shell's own",
    "make image-base": "some minutes; `make image-test` does it where there is none",
    "make image-test": "is these tests",
    "BONSAI_ENGINE=docker make image-test": "is these tests, by docker, by hand before each release",
    "cp loadtest/results/latest/result.json loadtest/results/published/NAME/": "needs a run",
    "export BONSAI_KEYS=keys": "the shell's own",
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem": "openssl's own; tests/service/serving/test_guarded.py runs it",
    "make audit": "needs a source of advisories; what it makes of a report is proven in tests/test_audit.py",
    "make bench": "some ten minutes; its command is proven above",
    'make bench BENCH_ARGS="--rounds 6"': "the same",
    "make bench-serving": "an hour and a half; its command is proven above",
    "make soak": "twenty minutes; its work is proven in tests/loadtest/serving/test_soaking.py",
    "make overload": "two minutes; its work is proven in tests/loadtest/serving/test_overloading.py",
    "make faults": "an hour; its parts are proven in tests/service/serving/test_connection.py",
    "make fuzz": "ten minutes; its work is proven in tests/service/routes/test_openapi.py",
    "python -m tests.faults --only idle slow_heads --out service/results/published/faults.json": "a part of make faults",
    "make demo": "some minutes, by hand before each release; its steps are proven above",
    "make env": "CI begins with it",
    "make large": "half an hour",
    "make lint": "CI runs it before the tests",
    "make loadtest": "a quarter of an hour; its command is proven above",
    "make serve": "its command is proven above",
    "make simulate": "five minutes; its command is proven above",
    "make slow": "minutes; by hand",
    "make test": "is what runs this",
    "pytest tests/test_tables.py": "pytest's own",
    "pytest tests/service -k refused": "pytest's own",
    "pytest tests/service/routes/test_messages.py": "pytest's own; the file is looked for below",
    "pip install pre-commit && pre-commit install": (
        "needs a package index; what the hooks run is compared with make lint"
    ),
    "python -m loadtest.run --bursts 5,1,10": "some 15 minutes; bursts have tests of their own",
    "python -m loadtest.run --lengths 8,16,32,64,128": "some 15 minutes; lengths have tests of their own",
    "python -m loadtest.run --remote-workers 2": "needs more machines; workers of this one are proven above",
    "python -m models.build": "the default recipe takes half an hour",
    "python -m models.build --dataset path/to/banking77": "half an hour, and data that are not shipped",
}


def fenced(kind: str) -> dict[Path, list[str]]:
    return {
        page: re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        for page in PAGES
    }


def commands() -> list[str]:
    lines = [
        line
        for blocks in fenced("bash").values()
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
    ]
    without_comments = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in lines)
    return sorted({line for line in without_comments if line})


def test_every_command_is_proven_or_listed_once() -> None:
    listed = [*RUN, *PROVEN, *NOT_RUN]
    assert sorted(listed) == commands()


def test_the_tests_that_prove_commands_are_there() -> None:
    there = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(PROVEN.values()) - there == set()


@pytest.mark.parametrize("command", RUN)
def test_it_runs(command: str) -> None:
    arguments = [sys.executable, *shlex.split(RUN[command])[1:]]
    done = subprocess.run(
        arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_named_in_a_sentence_is_there(page: Path) -> None:
    """Modules, targets, commands and options in a page's text or its commands."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    sources = {
        part: "".join(path.read_text(encoding="utf-8") for path in (ROOT / part).rglob("*.py"))
        for part in ("models", "service", "loadtest", "docs", "image")
    }
    for module, rest in re.findall(r"python -m ((?:models|service|loadtest|docs|image)(?:\.\w+)+)([^`\n#]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
        for option in re.findall(r"--[a-z][a-z0-9-]*", rest):
            assert f'"{option}"' in sources[module.split(".")[0]], f"{module} {option}"
    assert [path for path in re.findall(r"^pytest (tests/\S+)", text, re.MULTILINE) if not (ROOT / path).exists()] == []
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text, re.MULTILINE)) <= set(targets)
    assert set(re.findall(r"(?:`|^)bonsai ([a-z][a-z-]*)", text, re.MULTILINE)) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def recipe_models() -> dict[str, type[BaseModel]]:
    rooms = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(models.recipe.__path__, "models.recipe.")
    ]
    return {
        name: thing
        for room in rooms
        for name, thing in vars(room).items()
        if isinstance(thing, type) and issubclass(thing, BaseModel)
    }


@pytest.mark.parametrize("block", [block for blocks in fenced("yaml").values() for block in blocks])
def test_a_recipe_of_the_pages_is_one(block: str) -> None:
    recipe_models()["Recipe"].model_validate(yaml.safe_load(block))


def default(model: type[BaseModel], name: str) -> str:
    value: Any = model.model_fields[name].default
    return (
        {None: "–", True: "true", False: "false"}.get(value, f"{value}")
        if not isinstance(value, int | float) or isinstance(value, bool)
        else f"{value}"
    )


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("teacher", "TeacherSource"),
        ("dataset", "DatasetSource"),
        ("gate", "Gate"),
        ("prune", "Prune"),
        ("distill", "Distill"),
        ("trim", "Trim"),
        ("quantize", "Quantize"),
        ("cascade", "CascadeOf"),
    ],
)
def test_the_options_of_recipes_have_the_defaults_that_the_page_says(heading: str, model: str) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^### `{heading}`.*?\n(.*?)(?=^#|\Z)", page, re.DOTALL | re.MULTILINE)
    known, said = recipe_models()[model], dict[str, str]()
    for names, values in re.findall(r"^\| (`.*?`) \| (.*?) ?\|", section, re.MULTILINE):
        options, defaults = re.findall(r"`(\w+)`", names), values.replace("`", "").split(", ")
        said |= dict(zip(options, defaults if len(defaults) == len(options) else defaults * len(options), strict=True))
    shared = set(recipe_models()["SoftLabels"].model_fields) if heading == "prune" else set()
    assert set(known.model_fields) - shared - {"epochs", "learning_rate"} <= set(said) <= set(known.model_fields)
    assert said == {name: "" if known.model_fields[name].is_required() else default(known, name) for name in said}


def test_the_answer_in_readme_is_one() -> None:
    (answer,) = fenced("json")[ROOT / "README.md"]
    assert PredictResponse.model_validate_json(answer).predictions


def test_readme_is_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count("\n") <= 150
    (table,) = re.findall(r"<!-- table: .*? -->\n(.*?)<!-- end -->", readme, re.DOTALL)
    assert len(re.findall(r"^\| ", table, re.MULTILINE)) <= 2 + 8
