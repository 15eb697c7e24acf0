import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from loadtest.numbers.result import Measured, Result
from loadtest.numbers.run_folder import RESULT_FILE, write_result
from loadtest.scenarios.registry import BY_DEFAULT, PAIRED, RANKING, SCENARIOS
from tests.loadtest.rounds import rounds_of

ROOT = Path(__file__).parents[3]
ONE_MORE = '''
"""Pairs: two texts in each request."""

from dataclasses import replace

from loadtest.scenarios.measuring import keep, measured, seed
from loadtest.scenarios.load import Load
from loadtest.scenarios.scenario import Scenario
from loadtest.scenarios.single_stream import SingleStream


class Pairs(SingleStream):
    name, order, title, ranks = "Pairs", 6, "Pairs: two texts in each request", False

    def take(self, turn, bench, plan, result):
        load = Load(plan.warm_up, plan.seconds, texts=2, timeout=plan.timeout)
        one = measured(turn, bench, result, load, seed(plan, turn))
        return None if one is None else keep(result, turn, one)


SCENARIO = Pairs()
'''
DRAW = """
import json, sys
from pathlib import Path
from loadtest.arguments import plan_of, read_arguments
from loadtest.measurement.turns import turns
from loadtest.figures.changes import FIGURES
from loadtest.show.report import draw

plan = plan_of(read_arguments(["--scenarios", "Pairs", "--rounds", "2"]), ["a", "b"])
asked = [str(turn) for turn in turns(plan, ["a", "b"], "a")]
table = draw(Path(sys.argv[1]))
print(json.dumps({"asked": asked, "table": table, "compared": [scenario.name for scenario, _, _ in FIGURES]}))
"""


def test_the_scenarios_in_their_order() -> None:
    assert [scenario.name for scenario in SCENARIOS] == ["SingleStream", "Server", "Offline", "Ramp", "Mix"]
    assert BY_DEFAULT == ("SingleStream", "Server", "Offline", "Ramp")
    assert (RANKING.name, [scenario.name for scenario in PAIRED]) == ("SingleStream", ["SingleStream", "Offline"])


def test_one_file_more_is_one_scenario_more_from_the_command_line_to_the_page(
    tmp_path: Path, good_result: Result
) -> None:
    shutil.copytree(ROOT / "loadtest", tmp_path / "loadtest", ignore=shutil.ignore_patterns("results", "__pycache__"))
    (tmp_path / "loadtest" / "scenarios" / "pairs.py").write_text(ONE_MORE, encoding="utf-8")
    result = good_result.model_copy(deep=True)
    for variant in result.variants.values():
        variant.scenarios["Pairs"] = Measured(rounds=rounds_of({2.0: 1000}))
    write_result(tmp_path, result)
    assert (tmp_path / RESULT_FILE).exists()
    command = [sys.executable, "-c", DRAW, str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["asked"] == ["Pairs, round 1, a", "Pairs, round 1, b", "Pairs, round 2, b", "Pairs, round 2, a"]
    assert "### Pairs: two texts in each request" in said["table"]
    assert "Pairs" in said["compared"]
    assert "<h2>Pairs: two texts in each request</h2>" in (tmp_path / "report.html").read_text(encoding="utf-8")
