"""The comparison as values that a program can show without knowing how they came about: the service's page does."""

from typing import Any

from loadtest.figures.comparison import Comparison
from loadtest.figures.conclusion import conclusion
from loadtest.show.table import control_text, sections, title

RUN = {"id", "started", "finished", "complete", "quick", "rounds", "seconds", "baseline"}
CONDITIONS = {"same_machine", "system", "commit"}


def compact(comparison: Comparison) -> dict[str, Any]:
    """Return run, conditions, what speaks against trusting it, the conclusion and the tables, all ready to be shown."""
    result = comparison.result
    return {
        "run": result.run.model_dump(include=RUN),
        "conditions": {
            **result.conditions.model_dump(include=CONDITIONS),
            "cpu": result.conditions.machine.cpu,
            "cores": result.conditions.machine.usable_cores,
        },
        "warnings": comparison.warnings,
        "cautions": comparison.cautions,
        "conclusion": conclusion(comparison),
        "control": control_text(comparison),
        "tables": [
            {"title": title(name), "heads": heads, "rows": rows} for name, (heads, rows) in sections(comparison).items()
        ],
    }
