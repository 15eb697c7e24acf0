"""The one comparison that a result holds: every scenario's rows, the A/A control, and what speaks against believing
them.
"""

from functools import cached_property

from loadtest.figures.cautions import cautions
from loadtest.figures.change import Change
from loadtest.figures.doubts import control, doubts, faults
from loadtest.figures.services import between_services
from loadtest.numbers.intervals import Interval
from loadtest.numbers.result import Result
from loadtest.scenarios.registry import RANKING, SCENARIOS, measured
from loadtest.scenarios.scenario import Scenario
from loadtest.scenarios.summary import Summary


class Comparison:
    """Reads a result once; tables, pictures, page and conclusion are drawn from what it read."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.baseline = result.run.baseline
        self._rows: dict[str, list[Summary]] = {}

    def rows(self, scenario: Scenario = RANKING) -> list[Summary]:
        """Return the figures of every variant under a scenario, in the order of the run."""
        if scenario.name not in self._rows:
            self._rows[scenario.name] = scenario.summaries(self.result)
        return self._rows[scenario.name]

    def row(self, scenario: Scenario, name: str) -> Summary | None:
        """Return the figures of one variant, None where there are none."""
        return next((row for row in self.rows(scenario) if row.name == name), None)

    @cached_property
    def measured(self) -> tuple[Scenario, ...]:
        """The scenarios of which the run has anything."""
        return tuple(scenario for scenario in SCENARIOS if measured(self.result, scenario))

    @cached_property
    def control(self) -> Interval | None:
        """The baseline's speed against itself, measured in turns like a variant of its own."""
        return control(self.result)

    @cached_property
    def services(self) -> list[Change]:
        """What the run bears of this service beside the other; nothing where it is not fit to compare by."""
        return [] if self.warnings else between_services(self.result)

    @cached_property
    def faults(self) -> list[str]:
        """What makes a run fail: something was not measured, or not answered rightly."""
        return faults(self.result)

    @cached_property
    def doubts(self) -> list[str]:
        """What makes a run that went well no base for a comparison."""
        return doubts(self.result)

    @cached_property
    def warnings(self) -> list[str]:
        """One sentence for each reason not to compare variants by this run."""
        return self.faults + self.doubts

    @cached_property
    def cautions(self) -> list[str]:
        """One sentence for each sign that the generator or a busy machine is in the figures."""
        return cautions(self.result)
