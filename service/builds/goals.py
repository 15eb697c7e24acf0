"""Which passes may reach a goal: from those that cost the least to serve up, each with what it is expected to take."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.recipe.passes import TRIMMED
from models.runtime.batching import Measured, read_measured
from models.runtime.card import Card
from models.runtime.store import Build
from service.builds.able import cannot_train
from service.builds.asked import TEACHER, Goal, MadeOf
from service.builds.errors import NotAccepted

MOST_MADE = 72_000  # texts: of the default recipe's, which is for the larger of the data sets that were tried
NOT_TRIED = "not tried"
SLACK = 1.5  # what is expected to take so many times what it may is not tried
INT8, PRUNED = 0.5, 0.6  # of the time in fp32, and of the unpruned: about what README's table shows


class Candidate(NamedTuple):
    """Passes, and the milliseconds that a text is expected to take; 0 where nothing tells."""

    passes: MadeOf
    expected_ms: float


def measured_here(out: Path, known: Mapping[str, Card]) -> dict[str, Measured]:
    """Return what was measured of a build's variants on this kind of processor: another's figures say nothing here."""
    found = {name: read_measured(out / name) for name in known}
    return {name: one for name, one in found.items() if one is not None and one.here}


def limit_ms(goal: Goal, measured: Mapping[str, Measured]) -> float:
    """Return the milliseconds that a text may take on average (NotAccepted where the teacher was not measured)."""
    if goal.under_ms is not None:
        return goal.under_ms
    assert goal.speedup is not None
    if TEACHER not in measured:
        raise NotAccepted(
            "the teacher has not been measured on this kind of processor; expected 'under_ms', or a build here by "
            "python -m models.build"
        )
    return measured[TEACHER].mean_ms / goal.speedup


def candidates(
    teacher: Path, build: Build, known: Mapping[str, Card], measured: Mapping[str, Measured]
) -> list[Candidate]:
    """Return what can be tried on a teacher, the cheapest to serve first."""
    config = json.loads((teacher / "config.json").read_bytes())
    layers, heads = int(config["num_hidden_layers"]), int(config["num_attention_heads"])
    trims = json.loads((teacher / "tokenizer.json").read_bytes())["model"]["type"] in TRIMMED
    trim: MadeOf = [{"trim": {}}] if trims else []
    quantize: MadeOf = [{"quantize": {}}]
    # Few layers need more texts than there are: of the training rows alone one layer lost 12 points of 672 test rows,
    # with four times as many, made of them, 2. It takes longer to be made and as long to serve.
    rows = int(build.dataset["rows"]["train"])
    one = {"layers": 1, "epochs": 8, "batch_size": 32, "learning_rate": 5e-4, "patience": 8,
           "transfer": min(4 * rows, MOST_MADE), "contextual": min(2, layers - 1)}  # fmt: skip
    found: list[tuple[MadeOf, float]] = [
        ([{"distill": one}, *trim, *quantize], INT8 / layers),
        *(
            (
                [
                    {"distill": {"layers": count, "epochs": 4, "batch_size": 32, "transfer": min(2 * rows, MOST_MADE)}},
                    *quantize,
                ],
                INT8 * count / layers,
            )
            for count in (2, 3)
            if count < layers
        ),
        *([([{"prune": {"remove_heads": heads // 3}}, *quantize], INT8 * PRUNED)] if heads > 1 else []),
        (quantize, INT8),
    ]
    usual = measured[TEACHER].mean_ms if TEACHER in measured else 0.0
    return [Candidate(passes, _like(passes, known, measured) or usual * share) for passes, share in found]


def ruled_out(candidate: Candidate, under: float, known: Mapping[str, Card]) -> str:
    """Return why a candidate is not even tried; nothing where it is."""
    if reason := cannot_train(candidate.passes, known):
        return reason
    if candidate.expected_ms > SLACK * under:
        return f"it is expected to take {candidate.expected_ms:.2f} ms"
    return ""


def unmet(tried: Sequence[Mapping[str, Any]], under: float) -> str:
    """Say what came nearest to a goal that nothing reached."""
    nothing = f"nothing that passes the gate takes less than {under:.3g} ms a text"
    measured = [one for one in tried if "measured" in one["figures"]]
    if measured:
        best = min(measured, key=_mean_ms)
        return (
            f"{nothing}; the best is {_named(best)} with {_mean_ms(best):.3g} ms: ask for it by its passes, or for "
            "another goal"
        )
    begun = [one for one in tried if one["outcome"] != NOT_TRIED]
    if begun:
        return f"{nothing}; the last that was tried is {_named(begun[-1])}: {begun[-1]['reason']}"
    return f"{nothing}, and nothing was tried: of {_named(tried[0])}, the fastest, {tried[0]['reason']}"


def _mean_ms(one: Mapping[str, Any]) -> float:
    return float(one["figures"]["measured"]["mean_ms"])


def _named(one: Mapping[str, Any]) -> str:
    return " + ".join(next(iter(entry)) for entry in one["passes"])


def _like(passes: MadeOf, known: Mapping[str, Card], measured: Mapping[str, Measured]) -> float:
    """Return what a variant of the same passes and layers was measured to take, 0 where there is none."""
    for name, card in known.items():
        if name in measured and _shape(card.passes) == _shape(passes):
            return measured[name].mean_ms
    return 0.0


def _shape(passes: MadeOf) -> list[Any]:
    named = [next(iter(entry.items())) for entry in passes]
    return [(name, (options or {}).get("layers")) for name, options in named if name != "trim"]  # which costs no time
