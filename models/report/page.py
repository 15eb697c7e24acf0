"""The report's page: a finished build in words and pictures, drawn from its stored files."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from models.prove.coverage import card_coverages, card_warnings
from models.prove.withheld import RULE
from models.prove.wording import points
from models.report.build_results import REPORT_FILE, BuildResults, VariantResults, read_build_results
from models.report.delong import Difference, auroc_difference
from models.report.flips import FLIPS_FILE, flips, write_flips
from models.report.groups import GroupDrop, by_length, drops_by_group, length_buckets, worst
from models.report.pictures import accuracy_against_latency, reliability_diagrams
from models.report.robustness import PERTURBED, robustness
from models.report.verdicts import (
    conclude,
    family_note,
    holm_over_family,
    level,
    overlap_note,
    undecided_note,
    untested_note,
)
from models.runtime.card import Card, Verdict
from models.runtime.files import replaced

TEMPLATE = Path(__file__).with_name("page.html")
FLIPS_SHOWN = 30
CLASSES_SHOWN = 6
CHARACTERS_SHOWN = 400  # of a text on the page; flips.csv holds all of it


def write_report(out: Path) -> Path:
    """Write `report.html` and every variant's `flips.csv`; return the page's path."""
    results = read_build_results(out)
    for result in results.judged:
        write_flips(out / result.name / FLIPS_FILE, flips(results, result))
    with replaced(out / REPORT_FILE) as file:
        file.write(page(results))
    return out / REPORT_FILE


def page(results: BuildResults) -> str:
    """Return the page; the same files give the same bytes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "percent": percent,
        "points": points,
        "signed": signed,
        "p_value": p_value,
        "short": short,
        "breakable": breakable,
    }
    cards = [result.card for result in results.variants]
    gate = cards[1].gate if len(cards) > 1 else None
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        build=results.build,
        variants=results.variants,
        teacher=results.teacher,
        judged=results.judged,
        rows=len(results.gold),
        gate=gate,
        level=level(gate).replace(" ", "\N{NO-BREAK SPACE}") if gate else "",
        conclusion=conclude(results),
        undecided=undecided_note(cards),
        warnings=card_warnings(cards),
        coverages={card.name: card_coverages(card) for card in cards},
        rule=RULE,
        family=family_note(cards),
        overlap=overlap_note(cards[0]),
        untested=untested_note(cards[0]),
        passes=passes,
        cascades=[card for card in cards if card.cascade],
        holm=holm_over_family(cards),
        pareto=_both_widths(accuracy_against_latency, results),
        reliability=_both_widths(reliability_diagrams, results),
        robustness=robustness(results),
        perturbed=PERTURBED,
        scope=scope_differences(results),
        lengths=lengths(results),
        classes=worst_classes(results),
        lost=lost_labels(results),
        flips={result.name: flips(results, result) for result in results.judged},
        flips_shown=FLIPS_SHOWN,
        flips_file=FLIPS_FILE,
    )


def scope_differences(results: BuildResults) -> dict[str, Difference]:
    """Return how far every variant's out-of-scope AUROC lies above the teacher's; nothing where the data set has no
    such texts.
    """
    if not results.teacher.predictions.out_of_scope:
        return {}

    def difference(result: VariantResults) -> Difference:
        ours, theirs = result.predictions, results.teacher.predictions
        inside = (np.array(ours.confidence), np.array(theirs.confidence))
        outside = (np.array(ours.out_of_scope), np.array(theirs.out_of_scope))
        return auroc_difference(inside, outside, _gate(result).alpha)

    return {result.name: difference(result) for result in results.judged}


def lengths(results: BuildResults) -> list[dict[str, Any]]:
    """Return, for every range of lengths in words, the teacher's accuracy and the variants' drops."""
    groups = length_buckets(results.texts)
    by_variant = {result.name: by_length(_drops(results, result, groups)) for result in results.judged}
    rows = zip(*by_variant.values(), strict=True)
    return [
        {
            "group": row[0].group,
            "rows": row[0].rows,
            "teacher": row[0].teacher,
            "drops": dict(zip(by_variant, row, strict=True)),
        }
        for row in rows
    ]


def worst_classes(results: BuildResults) -> dict[str, list[GroupDrop]]:
    """Return, for every variant, the classes that its card calls lost, and of the others those that lost most against
    the teacher.
    """
    groups = [results.labels[number] for number in results.gold]
    lost, shown = lost_labels(results), {}
    for result in results.judged:
        made = _drops(results, result, groups)
        called, others = ([one for one in made if (one.group in lost[result.name]) == so] for so in (True, False))
        shown[result.name] = [*worst(called, len(called)), *worst(others, max(0, CLASSES_SHOWN - len(called)))]
    return shown


def lost_labels(results: BuildResults) -> dict[str, set[str]]:
    """Return, for every variant, the classes that its card calls lost."""
    return {result.name: {one.label for one in _gate(result).lost_classes or ()} for result in results.judged}


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


def _gate(result: VariantResults) -> Verdict:
    assert result.card.gate is not None
    return result.card.gate


def _drops(results: BuildResults, result: VariantResults, groups: list[str]) -> list[GroupDrop]:
    teacher, variant = results.teacher.predictions.labels, result.predictions.labels
    return drops_by_group(groups, results.gold, teacher, variant, _gate(result).alpha)


def _both_widths(draw: Callable[..., bytes], results: BuildResults) -> dict[str, str]:
    """Draw for a wide and for a narrow window: a picture that shrinks to a phone's width cannot be read there."""
    return {
        name: base64.b64encode(draw(results, narrow=name == "narrow")).decode("ascii") for name in ("wide", "narrow")
    }
