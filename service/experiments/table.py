"""A report as a terminal shows it."""

from typing import Any

from service.experiments.printable import printable

EXIT = {"ship": 0, "do_not": 1, "undecided": 2, "withheld": 2}


def lines(report: dict[str, Any]) -> list[str]:
    """Return the lines of one experiment's report."""
    definition = report["definition"]
    said = [f"{report['name']}: {report['state']}, revision {report['revision']}, mode {definition['mode']}"]
    if report["reason"]:
        said.append(f"  {printable(report['reason'])}")
    if report["left_alone"]:
        said.append(f"  {report['left_alone']}")
    said += ["", f"  {'arm':<20} {'requests':>10} {'errors':>7} {'mean ms':>8} {'labels':>8} {'accuracy':>9}  verdict"]
    for arm in report["arms"]:
        verdict = "control" if arm["control"] else arm["verdict"]
        said.append(
            f"  {arm['variant']:<20} {arm['requests']:>10,} {arm['errors']:>7,} {_number(arm['mean_ms'], 2):>8} "
            f"{arm['labels']:>8,} {_number(arm['accuracy'], 2):>9}  {verdict.replace('_', ' ')}"
        )
    said.append("")
    ratio = report["sample_ratio"]
    if ratio is not None and ratio["mismatch"]:
        off = f"revision {ratio['revision']}, e-value {ratio['e_value']:.3g}"
        said.append(f"  the sample ratio is off ({off}): no verdict is given")
    said += [f"  {arm['sentence']}" for arm in report["arms"] if not arm["control"]]
    for guardrail in report["guardrails"]:
        is_judged = guardrail["value"] is not None and guardrail["n"] >= guardrail["minimum"]
        state = "BROKEN" if guardrail["breached"] else "holds" if is_judged else "too few yet"
        said.append(
            f"  guardrail {guardrail['name']} of {guardrail['arm']}: {state}, {_number(guardrail['value'], 4)} "
            f"(limit {guardrail['limit']:g}, {guardrail['n']:,} seen)"
        )
    return said


def exit_code(report: dict[str, Any]) -> int:
    """Return 0 where an arm is to be shipped, 1 where none is and one is not to be, 2 where nothing is decided."""
    decisions = [arm["decision"] for arm in report["arms"] if not arm["control"]]
    return min((EXIT[decision] for decision in decisions), default=2)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
