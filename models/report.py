"""Draw the report of a finished build from its stored files: `python -m models.report [--out DIR]`."""

import argparse
import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from models.card import Card, Verdict
from models.delong import Difference, auroc_difference
from models.deltas import Delta, by_length, deltas, length_buckets, worst
from models.errors import BonsaiError
from models.findings import OUT, REPORT_FILE, Finding, Findings, read_findings
from models.flips import FLIPS_FILE, flips, write_flips
from models.pictures import accuracy_against_latency, reliability_diagrams
from models.reading import card_readings, card_warnings
from models.robustness import PERTURBED, robustness
from models.verdicts import conclude, family_note, holm_over_family, level, overlap_note, undecided_note
from models.withheld import RULE
from models.wording import points

TEMPLATE = Path(__file__).with_name("report_page.html")
FLIPS_SHOWN = 30
CLASSES_SHOWN = 6
CHARACTERS_SHOWN = 400  # of a text on the page; flips.csv holds all of it


def write_report(out: Path) -> Path:
    """Write `report.html` and every variant's `flips.csv`; return the page's path."""
    findings = read_findings(out)
    for finding in findings.judged:
        write_flips(out / finding.name / FLIPS_FILE, flips(findings, finding))
    draft = out / f".{REPORT_FILE}.{os.getpid()}"
    draft.write_text(page(findings), encoding="utf-8")
    return draft.replace(out / REPORT_FILE)


def page(findings: Findings) -> str:
    """Return the page; the same files give the same bytes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "points": points, "signed": signed, "p_value": p_value, "short": short, "breakable": breakable}
    cards = [finding.card for finding in findings.variants]
    gate = cards[1].gate if len(cards) > 1 else None
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        build=findings.build,
        variants=findings.variants,
        teacher=findings.teacher,
        judged=findings.judged,
        rows=len(findings.gold),
        gate=gate,
        level=level(gate).replace(" ", "\N{NO-BREAK SPACE}") if gate else "",
        conclusion=conclude(findings),
        undecided=undecided_note(cards),
        warnings=card_warnings(cards),
        readings={card.name: card_readings(card) for card in cards},
        rule=RULE,
        family=family_note(cards),
        overlap=overlap_note(cards[0]),
        passes=passes,
        cascades=[card for card in cards if card.cascade],
        holm=holm_over_family(cards),
        pareto=_both_widths(accuracy_against_latency, findings),
        reliability=_both_widths(reliability_diagrams, findings),
        robustness=robustness(findings),
        perturbed=PERTURBED,
        scope=scope_differences(findings),
        lengths=lengths(findings),
        classes=worst_classes(findings),
        lost=lost_labels(findings),
        flips={finding.name: flips(findings, finding) for finding in findings.judged},
        flips_shown=FLIPS_SHOWN,
        flips_file=FLIPS_FILE,
    )


def scope_differences(findings: Findings) -> dict[str, Difference]:
    """Return how far every variant's out-of-scope AUROC lies above the teacher's; nothing where the data set has no such texts."""
    if not findings.teacher.evidence.out_of_scope:
        return {}

    def difference(finding: Finding) -> Difference:
        ours, theirs = finding.evidence, findings.teacher.evidence
        inside = (np.array(ours.confidence), np.array(theirs.confidence))
        outside = (np.array(ours.out_of_scope), np.array(theirs.out_of_scope))
        return auroc_difference(inside, outside, _gate(finding).alpha)

    return {finding.name: difference(finding) for finding in findings.judged}


def lengths(findings: Findings) -> list[dict[str, Any]]:
    """Return, for every range of lengths in words, the teacher's accuracy and the variants' drops."""
    groups = length_buckets(findings.texts)
    by_variant = {finding.name: by_length(_deltas(findings, finding, groups)) for finding in findings.judged}
    rows = zip(*by_variant.values(), strict=True)
    return [{"group": row[0].group, "rows": row[0].rows, "teacher": row[0].teacher, "drops": dict(zip(by_variant, row, strict=True))} for row in rows]


def worst_classes(findings: Findings) -> dict[str, list[Delta]]:
    """Return, for every variant, the classes that its card calls lost, and of the others those that lost most against the teacher."""
    groups = [findings.labels[number] for number in findings.gold]
    lost, shown = lost_labels(findings), {}
    for finding in findings.judged:
        made = _deltas(findings, finding, groups)
        called, others = ([one for one in made if (one.group in lost[finding.name]) == so] for so in (True, False))
        shown[finding.name] = [*worst(called, len(called)), *worst(others, max(0, CLASSES_SHOWN - len(called)))]
    return shown


def lost_labels(findings: Findings) -> dict[str, set[str]]:
    """Return, for every variant, the classes that its card calls lost."""
    return {finding.name: {one.label for one in _gate(finding).lost_classes or ()} for finding in findings.judged}


def passes(card: Card) -> str:
    """Return how a variant was made, in a few words."""
    return " + ".join(next(iter(entry)) for entry in card.passes) or "fine-tuned"


def percent(share: float, digits: int = 2) -> str:
    """Return a share as a percentage, without its sign."""
    return f"{100 * share:.{digits}f}"


def signed(difference: float) -> str:
    """Return a difference to three digits, with its sign."""
    return f"{round(difference, 3) + 0.0:+.3f}".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p value to three digits."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def short(text: str) -> str:
    """Return as much of a text as the page shows."""
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[:CHARACTERS_SHOWN]}…"


def breakable(label: str) -> Markup:
    """Return a label, escaped, that may go on in the next line after an underscore."""
    return Markup("_<wbr>").join(label.split("_"))


def _gate(finding: Finding) -> Verdict:
    assert finding.card.gate is not None
    return finding.card.gate


def _deltas(findings: Findings, finding: Finding, groups: list[str]) -> list[Delta]:
    teacher, variant = findings.teacher.evidence.labels, finding.evidence.labels
    return deltas(groups, findings.gold, teacher, variant, _gate(finding).alpha)


def _both_widths(draw: Callable[..., bytes], findings: Findings) -> dict[str, str]:
    """Draw for a wide and for a narrow window: a picture that shrinks to a phone's width cannot be read there."""
    return {name: base64.b64encode(draw(findings, narrow=name == "narrow")).decode("ascii") for name in ("wide", "narrow")}


def main(arguments: list[str] | None = None) -> int:
    """Draw the report of one build."""
    parser = argparse.ArgumentParser(prog="python -m models.report", description="Draw the report of a finished build again.")
    parser.add_argument("--out", type=Path, default=OUT, help="the variants' folder (default: variants)")
    try:
        print(write_report(parser.parse_args(arguments).out))
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
