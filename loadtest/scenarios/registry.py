"""All scenarios, in their order: whatever file of this folder has a SCENARIO."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from loadtest.numbers.result import Result
from loadtest.scenarios.scenario import Scenario

_FILES = [
    import_module(f"{__package__}.{file.name}")
    for file in iter_modules([str(Path(__file__).parent)])
    if f"{__package__}.{file.name}" != __name__
]
SCENARIOS: tuple[Scenario, ...] = tuple(
    sorted((file.SCENARIO for file in _FILES if hasattr(file, "SCENARIO")), key=lambda scenario: scenario.order)
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
(RANKING,) = (scenario for scenario in SCENARIOS if scenario.ranks)  # by which variants are ranked
BY_DEFAULT = tuple(scenario.name for scenario in SCENARIOS if scenario.by_default)
PAIRED = tuple(scenario for scenario in SCENARIOS if scenario.paired)


def measured(result: Result, scenario: Scenario) -> bool:
    """Say whether a run has anything of a scenario."""
    return any(variant.rounds(scenario.name) for variant in result.variants.values())
