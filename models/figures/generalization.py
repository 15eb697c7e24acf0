"""Does a variant hold where the test rows do not ask: typos, changes of case, texts of no label at all? Read from a
finished build: `python -m models.figures generalization [--variants DIR] [--out FILE]`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from models.bench.comparison import Table, as_markdown, print_table
from models.report.build_results import BuildResults, VariantResults, read_build_results
from models.report.robustness import PERTURBED, robustness
from models.runtime.card import Verdict
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json
from models.runtime.store import OUT

KIND = "generalization"
COMMAND = f"python -m models.figures {KIND}"
HEADS = {"plain": "as they are", **PERTURBED}


def main(arguments: list[str] | None = None) -> None:
    """Read a build and print the table (BonsaiError)."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Compare every variant with the teacher on perturbed and out-of-scope texts."
    )
    parser.add_argument("--variants", type=Path, default=OUT, help="the folder of a finished build (default: variants)")
    parser.add_argument("--out", type=Path, help="a JSON file to store the result in (default: none)")
    options = parser.parse_args(arguments)
    result = read_off(read_build_results(options.variants))
    if options.out is not None:
        try:
            write_json(options.out, result)
        except OSError as error:
            raise BonsaiError(
                f"the result cannot be written to '{options.out}' ({error.strerror}); choose another file with --out"
            ) from error
    console = Console(highlight=False)
    print_table(table(result), console)
    console.print(note(result), markup=False, soft_wrap=True)


def read_off(results: BuildResults) -> dict[str, Any]:
    """Return each variant's accuracy on plain and perturbed test rows with its drop, and how well its confidence tells
    out-of-scope texts apart.
    """
    perturbed = robustness(results)
    rows = {}
    for one in results.variants:
        judged: dict[str, Verdict] = {"plain": one.card.gate, **perturbed[one.name]} if one.card.gate else {}
        rows[one.name] = {
            "accuracy": _accuracies(one),
            "drop": {kind: verdict.model_dump(mode="json") for kind, verdict in judged.items()},
            "out_of_scope_auroc": one.card.out_of_scope_auroc,
        }
    return {
        "experiment": KIND,
        "build_id": results.build.build_id,
        "dataset": results.build.dataset,
        "out_of_scope": len(results.teacher.predictions.out_of_scope),
        "variants": rows,
    }


def _accuracies(one: VariantResults) -> dict[str, float]:
    return {"plain": one.card.accuracy.value, **{kind: one.card.robustness[kind] for kind in PERTURBED}}


def read_generalization(file: Path) -> dict[str, Any]:
    """Read what the command stored (BonsaiError)."""
    try:
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BonsaiError(f"'{file}' cannot be read ({error}); '{COMMAND} --out {file}' makes it") from error
    if not isinstance(result, dict) or result.get("experiment") != KIND:
        raise BonsaiError(f"'{file}' is no result of this kind; expected what '{COMMAND}' wrote")
    return result


def table(result: dict[str, Any]) -> Table:
    """Return a row a variant: accuracy on each kind of texts, and how much of the teacher's is lost there."""
    outside = result["out_of_scope"] > 0
    heads = ["variant", *(f"{said}, accuracy (drop [95 %])" for said in HEADS.values())]
    rows = []
    for name, row in result["variants"].items():
        cells = []
        for kind in HEADS:
            drop = row["drop"].get(kind)
            cells.append(f"{100 * row['accuracy'][kind]:.2f}" + (f" ({_points(drop)})" if drop else ""))
        rows.append([name, *cells, *([f"{row['out_of_scope_auroc']:.3f}"] if outside else [])])
    return Table([*heads, *(["out of scope, AUROC"] if outside else [])], rows)


def note(result: dict[str, Any]) -> str:
    """Return the conditions in a sentence or two."""
    data = result["dataset"]
    outside = (
        f" Out of scope: {result['out_of_scope']:,} texts of none of the labels, told from the test rows by confidence."
        if result["out_of_scope"]
        else ""
    )
    return (
        f"{data['name']}, {data['rows']['test']:,} test rows, build {result['build_id']}. Drops are points of accuracy "
        f"below the teacher's on the same texts.{outside}"
    )


def markdown(result: dict[str, Any]) -> str:
    """Return the table with its conditions."""
    return f"{as_markdown(table(result))}\n\n{note(result)}\n"


def _points(drop: dict[str, float]) -> str:
    return f"{100 * drop['drop']:+.2f} [{100 * drop['low']:.2f}, {100 * drop['high']:.2f}]"
