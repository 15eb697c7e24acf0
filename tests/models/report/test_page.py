import base64
import csv
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models.build.command import main as build
from models.prove.wording import points
from models.report.build_results import REPORT_FILE, BuildResults, read_build_results
from models.report.command import main
from models.report.flips import FLIPS_FILE, flips
from models.report.page import page, write_report
from models.report.robustness import robustness
from models.report.verdicts import conclude, holm_over_family
from models.runtime.card import read_card
from models.runtime.store import read_build

VOID = {"meta", "img", "br", "source", "wbr"}
HOSTILE = "<script>alert('x')</script> & \"quotes\" </td></table> {{ 7 * 7 }}"


class Page(HTMLParser):
    """Checks that every element is closed in its turn, and collects the tables' cells and all text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self._rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows = self.tables.setdefault(str(dict(attrs).get("id")), [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self._rows[-1][-1] += data if "small" not in self.open else f" {data}"

    def row(self, table: str, name: str) -> list[str]:
        (row,) = [[" ".join(cell.split()) for cell in row] for row in self.tables[table] if row[0] == name]
        return row


@pytest.fixture(scope="module")
def results(built: Path) -> BuildResults:
    return read_build_results(built)


@pytest.fixture(scope="module")
def drawn(results: BuildResults) -> Page:
    return Page(page(results))


def test_the_page_needs_no_other_file_and_runs_nothing(drawn: Page) -> None:
    for tag, attributes in drawn.elements:
        assert tag not in ("script", "link", "iframe")
        assert all((attributes.get(name) or "data:").startswith("data:") for name in ("src", "srcset"))
        assert not [name for name in attributes if name.startswith("on")]
    links = {attributes["href"] for tag, attributes in drawn.elements if tag == "a"}
    assert all(re.fullmatch(rf"[a-z0-9_]+/{FLIPS_FILE}", str(link)) for link in links)
    pictures = [
        str(value)
        for _, attributes in drawn.elements
        for name, value in attributes.items()
        if name in ("src", "srcset")
    ]
    assert len(pictures) == 4
    for picture in pictures:
        ElementTree.fromstring(base64.b64decode(picture.removeprefix("data:image/svg+xml;base64,")))


def test_every_figure_of_the_table_is_the_cards(results: BuildResults, drawn: Page) -> None:
    holm = holm_over_family([result.card for result in results.variants])
    for result in results.variants:
        card, gate = result.card, result.card.gate
        _, _, size, accuracy, macro_f1, drop, p, holm_p, verdict, p50 = drawn.row("variants", card.name)
        assert size == f"{card.bytes / 1e6:.1f}"
        for said, figure in ((accuracy, card.accuracy), (macro_f1, card.macro_f1)):
            assert said == f"{100 * figure.value:.2f} [{100 * figure.low:.2f}, {100 * figure.high:.2f}]"
        assert float(p50.split()[0]) == round(result.mean_ms, 2)
        if gate is None:
            assert (drop, p, holm_p, verdict) == ("–", "–", "–", "reference")
            continue
        assert drop == f"{points(gate.drop)} [{points(gate.low)}, {points(gate.high)}]"
        assert verdict == f"{gate.verdict}{' no pass' if gate.withheld else ''}"
        for said, value in ((p, gate.mcnemar_p), (holm_p, holm[card.name])):
            assert said == ("<0.001" if value < 0.001 else f"{value:.3f}")


def test_every_other_figure_is_the_cards_too(results: BuildResults, drawn: Page) -> None:
    judged = robustness(results)
    for result in results.variants:
        card = result.card
        error = card.calibration_error
        assert drawn.row("confidence", card.name)[2:4] == [
            f"{100 * error['before']:.2f}",
            f"{100 * error['after']:.2f}",
        ]
        typos, drop = drawn.row("robustness", card.name)[3:5]
        assert typos == f"{100 * card.robustness['typos']:.2f}"
        if card.gate:
            held = judged[card.name]["typos"]
            assert drop == f"{points(held.drop)} [{points(held.low)}, {points(held.high)}]"
        if card.invariance:
            batch = card.invariance
            assert drawn.row("invariance", card.name)[1:] == [
                str(batch.flips_sorted),
                str(batch.flips_shuffled),
                f"{batch.largest_logit_change:.4f}",
            ]
    rows = [int(row[1]) for row in drawn.tables["lengths"][1:]]
    assert sum(rows) == len(results.gold)
    text = " ".join(drawn.text.split())
    assert " ".join(conclude(results)) in text
    for result in results.judged:
        assert f"{len(flips(results, result))} of {len(results.gold)} labels changed" in text


def test_out_of_scope_figures_stand_there_when_they_were_measured(copied: Path) -> None:
    for place, name in enumerate(read_build(copied).variants):
        change_json(copied / name / "evidence.json", out_of_scope=[0.2 + 0.01 * place, 0.3, 0.4])
        change_json(copied / name / "card.json", out_of_scope_auroc=0.9 + 0.01 * place)
    shown = Page(page(read_build_results(copied)))
    assert shown.row("confidence", "teacher")[4:] == ["0.900", "–"]
    assert re.fullmatch(r"[+−]?0\.\d{3} \[[+−]?\d\.\d{3}, [+−]?\d\.\d{3}\]", shown.row("confidence", "int8")[5])
    assert "has no out-of-scope texts" not in shown.text


def test_what_the_model_could_not_read_stands_there(copied: Path) -> None:
    said = "of the training texts 0.00 % are cut and 0.00 % of the word pieces unknown; of the test texts 0.00 %"
    assert said in Page(page(read_build_results(copied))).text
    change_json(
        copied / "teacher" / "card.json",
        truncated_texts={"training": 0.25, "test": 1.0},
        unknown_tokens={"training": 0.0, "test": 0.5},
    )
    shown = Page(page(read_build_results(copied))).text
    assert "warning: 25 % of the training texts and 100 % of the test texts are cut" in shown
    assert "warning: 50 % of the test texts' word pieces are unknown" in shown
    assert "of the test texts 100.00 % are cut and 50.00 % of the word pieces unknown" in shown


def test_what_keeps_a_variant_from_passing_stands_in_the_page(copied: Path) -> None:
    gate = json.loads((copied / "int8" / "card.json").read_text())["gate"]
    lost = {"label": "late", "rows": 3, "teacher": 3, "variant": 0, "named": False}
    held = {**gate, "verdict": "undecided", "withheld": "it lost <the> class 'late'", "lost_classes": [lost]}
    majority = {"label": "late", "share": 0.25, "lead": -0.01, "low": -0.2, "high": 0.18}
    for name in read_build(copied).variants:
        data = {
            **read_card(copied / name).dataset,
            "overlap": {"trained_on": 2, "near_duplicates": 0, "contradictory": 1},
            "untested": ["<rare>", "lost"],
        }
        change_json(copied / name / "card.json", dataset=data, majority=majority)
    change_json(copied / "int8" / "card.json", gate=held)
    shown = Page(page(read_build_results(copied)))
    text = " ".join(shown.text.split())
    assert "No pass for int8, whatever the drop: it lost <the> class 'late'." in text
    assert shown.row("variants", "int8")[8] == "undecided no pass"
    assert (
        "2 of 12 test texts are training or validation texts too, 0 more are nearly equal to one; texts that bear "
        "several labels: 1."
    ) in text
    assert "warning: 2 labels, as '<rare>', have no test row: what a variant loses of them is not seen." in text
    assert (
        "late: 25.00 % of the test rows. Lead over always answering it, in points: teacher −1.00 [−20.00, 18.00]"
        in text
    )


def test_a_build_of_an_earlier_version_is_still_drawn(copied: Path) -> None:
    for name in read_build(copied).variants:
        card = json.loads((copied / name / "card.json").read_text())
        card.pop("majority", None)
        for new in ("withheld", "lost_classes"):
            card.get("gate", {}).pop(new, None)
        card.get("cascade", {}).pop("differing_at_most", None)
        (copied / name / "card.json").write_text(json.dumps(card))
    text = Page(page(read_build_results(copied))).text
    assert "variants passed" in text
    assert "Lead over" not in text


def test_texts_and_labels_of_users_are_escaped(copied: Path) -> None:
    rows = [json.loads(line) for line in (copied / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    names = json.loads((copied / "teacher" / "config.json").read_text())["id2label"]
    label = f"b_{HOSTILE}"
    lines = [
        json.dumps(
            {**row, "text": f"{HOSTILE} {place}", "label": label if row["label"] == names["1"] else row["label"]}
        )
        for place, row in enumerate(rows)
    ]
    (copied / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    change_json(copied / "teacher" / "config.json", id2label={**names, "1": label})
    given = json.loads((copied / "teacher" / "evidence.json").read_text())["given"]
    change_json(copied / "int8" / "evidence.json", given=[(number + 1) % len(names) for number in given])
    report = write_report(copied).read_text(encoding="utf-8")
    shown = Page(report)
    assert "<script" not in report
    assert HOSTILE in shown.text
    assert label in shown.text
    with (copied / "int8" / FLIPS_FILE).open(encoding="utf-8", newline="") as file:
        assert {row["text"] for row in csv.DictReader(file)} == {f"{HOSTILE} {place}" for place in range(len(rows))}


def test_the_same_files_give_the_same_bytes(copied: Path) -> None:
    files = [REPORT_FILE, *(f"{name}/{FLIPS_FILE}" for name in list(read_build(copied).variants)[1:])]
    by_the_build = [(copied / name).read_bytes() for name in files]
    for name in files:
        (copied / name).unlink()
    assert main(["--out", str(copied)]) == 0
    assert [(copied / name).read_bytes() for name in files] == by_the_build
    assert not list(copied.rglob(".report*"))


def test_a_build_draws_the_report_that_is_missing_or_older(copied: Path, tiny_recipe: Path) -> None:
    command = ["--recipe", str(tiny_recipe), "--out", str(copied)]
    before = (copied / REPORT_FILE).stat().st_mtime_ns
    assert build(command) == 0
    assert (copied / REPORT_FILE).stat().st_mtime_ns == before
    os.utime(copied / REPORT_FILE, (1, 1))
    assert build(command) == 0
    assert (copied / REPORT_FILE).stat().st_mtime_ns > 10**9
    (copied / REPORT_FILE).unlink()
    assert build(command) == 0
    assert (copied / REPORT_FILE).exists()


def test_nothing_built_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: no variants are built in")
    assert len(err.splitlines()) == 1


def change_json(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_the_build_made_a_report_beside_the_cards(built: Path) -> None:
    assert (built / REPORT_FILE).exists()
    assert all(
        read_card(built / name).kind == "teacher" or (built / name / FLIPS_FILE).exists()
        for name in read_build(built).variants
    )
