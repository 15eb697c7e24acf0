"""The page in a real browser, against a real service; experiments alone are answered by the test."""

import itertools
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from service.routes.pages import ASSETS
from tests.conftest import WORDS
from tests.service.conftest import ROOT, serving, until
from tests.service.experiments.conftest import KEY, Lab, arm, lab
from tests.service.routes.experiment import HTML, listing, report
from tests.service.serving.test_operation import BENTOML
from tests.service.serving.test_service import VARIANTS, call

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
SIZES = {"desktop": (1280, 900), "phone": (390, 844), "small": (320, 640)}
LOOKS = list(itertools.product(("desktop", "phone"), ("light", "dark")))
Open = Callable[..., Page]
expect.set_options(timeout=30_000)  # also of other files: a page has no more of the machine than the service
__all__ = ["lab"]  # a fixture of the experiments' room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, host: str) -> Iterator[Open]:
    """Opens the page; at the end of the test nothing must have gone wrong in it, and nobody else been asked."""
    contexts, problems, asked = [], list[str](), list[str]()

    def opened(path: str = "/", size: str = "desktop", scheme: Any = "light", to: str = host) -> Page:
        width, height = SIZES[size]
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(to + path)
        return page

    opened.problems = problems  # type: ignore[attr-defined]
    yield opened
    for context in contexts:
        context.close()
    assert problems == []
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {"127.0.0.1"}


def ask(page: Page, text: str) -> Locator:
    """Type a text, wait for all answers and return their rows."""
    page.get_by_label("A text, as your users would write it").fill(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#asked")).to_contain_text(" answered")
    return page.locator("#answers tbody tr")


def answer_experiments(page: Page, reports: list[dict[str, Any]], keys: list[str] | None = None) -> None:
    """Answer as the admin routes do, with the key `right`; a report says when it was asked for."""
    times = itertools.count()

    def answered(route: Route) -> None:
        key = route.request.headers.get("authorization", "")
        if keys is not None:
            keys.append(key)
        name = urlsplit(route.request.url).path.partition("/experiments")[2].strip("/")
        if key != "Bearer right":
            route.fulfill(status=401, json={"error": f"the key is not the admin's, said {HTML}"})
        elif name:
            route.fulfill(json={**next(one for one in reports if one["name"] == name), "at": 1.8e9 + next(times)})
        else:
            route.fulfill(json=listing(*reports))

    page.route("**/experiments", answered)
    page.route("**/experiments/*", answered)


def unlock(page: Page, key: str) -> None:
    page.get_by_label("Admin key").fill(key)
    page.keyboard.press("Enter")


def text_with_disagreement(host: str) -> str:
    """Find a text that some variant labels otherwise than the teacher."""
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(500)]
    answers = {
        name: [
            each["label"]
            for each in call(f"{host}/{name}/predict", json.dumps({"texts": texts}).encode())[1]["predictions"]
        ]
        for name in VARIANTS
    }
    return next(text for place, text in enumerate(texts) if len({labels[place] for labels in answers.values()}) > 1)


def everything(page: Page) -> None:
    """Fill every section."""
    answer_experiments(page, [report(), {**report(good=False), "name": "second"}])
    unlock(page, "right")
    ask(page, "where is my parcel")
    page.get_by_role("button", name="second").click()
    expect(page.locator("#report")).to_contain_text("Sample ratio mismatch")
    expect(page.locator("#load-test-found table")).not_to_have_count(0)
    for summary in page.locator("summary").all():
        summary.click()


@needs_chromium
@pytest.mark.parametrize(("size", "scheme"), [*LOOKS, ("small", "light")])
def test_nothing_is_in_anyones_way(open_page: Open, tmp_path: Path, size: str, scheme: str) -> None:
    page = open_page(size=size, scheme=scheme)
    everything(page)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["impact"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = """[...document.querySelectorAll('main *')].filter((element) => !element.closest('.scrolls')
        && element.getBoundingClientRect().right > innerWidth + 0.5).map((element) => element.outerHTML.slice(0, 80))"""
    assert page.evaluate(cut) == []
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=tmp_path / f"{size}-{scheme}.png", full_page=True)


@needs_chromium
def test_every_variant_answers_with_its_times(open_page: Open, host: str) -> None:
    rows = ask(open_page(), "where is my parcel")
    expect(rows).to_have_count(len(VARIANTS))
    for name, row in zip(VARIANTS, rows.all(), strict=True):
        body = json.dumps({"texts": ["where is my parcel"], "top_k": 3}).encode()
        (expected,) = call(f"{host}/{name}/predict", body)[1]["predictions"]
        assert row.get_by_role("rowheader").inner_text() == name
        label, score, top, server, trip = row.get_by_role("cell").all()
        assert label.locator("strong").inner_text() == expected["label"]
        assert score.inner_text() == f"{100 * expected['score']:.1f} %"
        assert [each.split("\n")[0] for each in top.locator("li").all_inner_texts()] == [
            each["label"] for each in expected["top"]
        ]
        assert 0 < float(server.inner_text()) < float(trip.inner_text())


@needs_chromium
def test_a_disagreement_is_said_in_words(open_page: Open, host: str) -> None:
    text = text_with_disagreement(host)
    page = open_page()
    rows = ask(page, text)
    teacher = rows.first.locator("strong").inner_text()
    differing = [row for row in rows.all() if row.locator("strong").inner_text() != teacher]
    assert differing
    expect(page.get_by_text("! differs from teacher")).to_have_count(len(differing))
    for row in differing:
        assert "differs from teacher" in row.inner_text()
        assert row.get_by_role("rowheader").inner_text() in page.locator("#asked").inner_text()
    rows = ask(page, "where is my parcel " * 40)
    assert "cut at 48 tokens" in rows.first.inner_text()


@needs_chromium
def test_what_cannot_be_answered_is_the_services_sentence(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Ask every variant").click()
    expect(page.locator("#asked")).to_contain_text("type a text first")
    expect(page.get_by_label("A text, as your users would write it")).to_be_focused()
    page.route(
        "**/int8/predict", lambda route: route.fulfill(status=429, json={"error": f"too much waits, said {HTML}"})
    )
    page.route("**/pruned/predict", lambda route: route.abort())
    rows = ask(page, "where is my parcel")
    assert f"too much waits, said {HTML}" in rows.nth(VARIANTS.index("int8")).inner_text()
    assert "the service does not answer" in rows.nth(VARIANTS.index("pruned")).inner_text()
    assert "5 variants answered; 2 did not" in page.locator("#asked").inner_text()
    assert len(open_page.problems) == 2  # type: ignore[attr-defined]  # the browser's own lines on these two
    open_page.problems.clear()  # type: ignore[attr-defined]


@needs_chromium
def test_a_text_that_is_html_stays_text(open_page: Open) -> None:
    page = open_page()
    answer_experiments(page, [{**report(), "reason": HTML}])
    page.route(
        "**/int8/predict",
        lambda route: route.fulfill(json={"predictions": [{"label": HTML, "score": 1.0, "truncated": False}]}),
    )
    rows = ask(page, HTML)
    assert rows.nth(VARIANTS.index("int8")).locator("strong").inner_text() == HTML
    unlock(page, "right")
    expect(page.locator("#report")).to_contain_text(HTML)
    assert page.locator("img").count() == 0


@needs_chromium
def test_try_needs_no_mouse(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#cards table")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("A text, as your users would write it")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.type("cancel my order")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Ask every variant")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#asked")).to_contain_text("7 variants answered")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label("A text, as your users would write it")).to_have_value("where is my parcel")


@needs_chromium
def test_the_cards_are_told_and_drawn(open_page: Open, host: str) -> None:
    page = open_page()
    rows = page.locator("#cards tbody tr")
    expect(rows).to_have_count(len(VARIANTS))
    for card, row in zip(call(f"{host}/variants")[1]["variants"], rows.all(), strict=True):
        said = row.inner_text()
        assert card["version"] in said
        assert f"{100 * card['accuracy']['value']:.1f} %" in said
        assert "as built" in said
        assert card["kind"] == "teacher" or card["gate"]["verdict"] in said
    picture = page.locator("#pareto svg")
    assert {name.text_content() for name in picture.locator("text.name").all()} == set(VARIANTS)
    cards = {card["name"]: card for card in call(f"{host}/variants")[1]["variants"]}
    front = {name.text_content() for name in picture.locator("text.name.on").all()}
    for name, card in cards.items():
        beaten = any(
            other["accuracy"]["value"] >= card["accuracy"]["value"]
            and other["measured"]["mean_ms"] < card["measured"]["mean_ms"]
            for other in cards.values()
        )
        assert (name in front) is not beaten
    assert all(str(name) in (picture.get_attribute("aria-label") or "") for name in front)


@needs_chromium
def test_experiments_need_the_key_and_are_asked_for_again(open_page: Open, host: str) -> None:
    page, keys, reports = open_page(), list[str](), [report()]
    answer_experiments(page, reports, keys)
    unlock(page, "wrong")
    expect(page.locator("#experiments-said")).to_have_text(f"the key is not the admin's, said {HTML}")
    open_page.problems.clear()  # type: ignore[attr-defined]  # the browser's own line on a 401
    assert keys == ["Bearer wrong"]
    unlock(page, "right")
    expect(page.locator("#report")).to_contain_text("ship it")
    drawn = page.locator("#report svg").evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    assert [label.split(":")[0] for label in drawn] == ["nano, paired", "nano, split", "int8, label-free"]
    assert "a drop of −0.12 points, between −1.10 and 0.86, after 10,482 labelled pairs" in drawn[0]
    page.get_by_role("button", name="nano_ab").focus()
    reports[0] = {**report(good=False), "name": "nano_ab"}
    for said in ("Sample ratio mismatch", "213 (store away)", "error_rate of nano is over its limit", "breached"):
        expect(page.locator("#report")).to_contain_text(said)
    expect(page.get_by_role("button", name="nano_ab")).to_be_focused()
    assert page.url == f"{host}/"
    assert page.evaluate("[localStorage.length, document.cookie, sessionStorage.length]") == [0, "", 1]
    page.get_by_role("button", name="Forget the key").click()
    expect(page.locator("#report")).to_be_empty()
    assert page.evaluate("sessionStorage.length") == 0


@needs_chromium
def test_a_report_that_says_the_same_is_left_as_it_is(open_page: Open) -> None:
    page, keys = open_page(), list[str]()
    answer_experiments(page, [report()], keys)
    unlock(page, "right")
    summary = page.locator("#log-summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.locator("#report h3").evaluate("(heading) => { heading.dataset.seen = 'yes'; }")
    asked = len(keys)
    while len(keys) < asked + 3:  # the list, the report, and the list again
        page.wait_for_timeout(100)
    assert page.locator("#report h3").get_attribute("data-seen") == "yes"
    expect(summary).to_be_focused()
    assert page.locator("#log").get_attribute("open") is not None


@needs_chromium
def test_evidence_of_each_kind_is_in_its_own_unit(open_page: Open) -> None:
    page, given = open_page(), report()
    nano, int8 = given["arms"][1:]
    nano["metric"] = {**nano["split"], "drop": -0.0042, "low": -0.0061, "high": 0.0012}
    nano["weight"], given["definition"] = 0.002, {**given["definition"], "traffic": 0.001}
    answer_experiments(page, [given])
    unlock(page, "right")
    rows = page.get_by_role("table", name="Evidence").locator("tbody tr")
    expect(rows.filter(has_text="nano, metric")).to_contain_text("−0.00420 of its own unit")
    unlabelled = rows.filter(has_text="int8, label-free")
    expect(unlabelled).to_contain_text(f"at most {int8['label_free']['high']:.2f}")
    expect(unlabelled).to_contain_text("2,100 pairs")
    expect(page.locator("#report")).to_contain_text("0.1 %")
    expect(page.get_by_role("table", name="Arms of").locator("tbody tr").nth(1)).to_contain_text("0.2 %")
    expect(page.locator("#report svg[aria-label^='int8, label-free: a drop of at most'] .estimate")).to_have_count(0)


@needs_chromium
def test_a_key_with_what_nobody_sees_is_refused_where_it_is_typed(open_page: Open) -> None:
    page, keys = open_page(), list[str]()
    answer_experiments(page, [report()], keys)
    unlock(page, "right\u200b")
    expect(page.locator("#experiments-said")).to_contain_text("holds what no key has")
    expect(page.get_by_label("Admin key")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    unlock(page, " right ")
    expect(page.locator("#report")).to_contain_text("ship it")
    assert set(keys) == {"Bearer right"}


@needs_chromium
def test_what_is_no_json_is_said_to_be_none(open_page: Open) -> None:
    page = open_page()
    page.route("**/int8/predict", lambda route: route.fulfill(body="<html>sign in</html>", content_type="text/html"))
    rows = ask(page, "where is my parcel")
    assert "the answer is no JSON" in rows.nth(VARIANTS.index("int8")).inner_text()


@needs_chromium
def test_all_variants_are_asked_about_the_text_that_was_there(open_page: Open) -> None:
    page, texts = open_page(), list[str]()

    def noted(route: Route) -> None:
        texts.extend(json.loads(route.request.post_data or "")["texts"])
        page.get_by_label("A text, as your users would write it").fill("something else")
        route.continue_()

    page.route("**/predict", noted)
    page.get_by_label("A text, as your users would write it").fill("where is my parcel")
    page.get_by_role("button", name="Ask every variant").click()
    expect(page.locator("#asked")).to_contain_text(" answered")
    assert texts == ["where is my parcel"] * len(VARIANTS)


@needs_chromium
def test_times_of_two_processors_are_not_compared(open_page: Open, host: str) -> None:
    cards = call(f"{host}/variants")[1]
    cards["variants"][1]["measured"]["cpu"] = "Another CPU"
    page = open_page("/docs")
    page.route("**/variants", lambda route: route.fulfill(json=cards))
    page.goto(f"{host}/")
    expect(page.locator("#pareto")).to_contain_text("Accuracy against size in MB")
    expect(page.locator("#cards tbody tr").nth(1)).to_contain_text("on Another CPU")
    expect(page.locator("#variants-said")).to_contain_text("not compared")


@needs_chromium
def test_a_real_experiment_is_shown_as_it_is_reported(open_page: Open, lab: Lab) -> None:
    lab.start("shown", mode="both", shadow=1.0)

    def is_shadowed(report: dict[str, Any]) -> bool:
        lab.ask()  # the process takes a while to start
        return arm(report)["agreement"] is not None

    lab.await_report("shown", is_shadowed, 240)
    for number in range(30):
        _, answer, _ = lab.ask(f"user-{number}")
        lab.tell(*({"prediction_id": each["prediction_id"], "label": "late"} for each in answer["predictions"]))
    lab.await_report("shown", lambda report: sum(each["labels"] for each in report["arms"]) == 30)
    page = open_page(to=lab.host)
    unlock(page, KEY)
    expect(page.get_by_role("button", name="shown")).to_be_visible()
    page.get_by_role("button", name="shown").click()
    shown = page.locator("#report")
    expect(shown.get_by_role("heading", level=3)).to_contain_text("shown")
    rows = shown.get_by_role("table", name="Arms of shown").locator("tbody tr")
    assert [row.inner_text().split()[0] for row in rows.all()] == ["teacher", "int8"]

    def is_drawn() -> bool:
        found = lab.report("shown")
        cells = [row.split("\n") for row in rows.all_inner_texts()]
        kinds = {point["kind"] for point in found["history"]["int8"]}
        return (
            arm(found)["sentence"] in shown.inner_text()
            and len(cells) == 2
            and all(f"{each['accuracy']:.1f} %" in row for each, row in zip(found["arms"], cells, strict=True))
            and shown.locator("svg").count() == len(kinds)
        )

    until(is_drawn)  # shadows come late, and the page asks again by itself
    assert not re.search("undefined|NaN|\\[object", page.locator("#experiments").inner_text())
    expect(page.locator("#load-test-said")).to_contain_text("make loadtest")
    assert Axe().run(page).response["violations"] == []
    open_page.problems.clear()  # type: ignore[attr-defined]  # the browser's own line on there being no load test


@needs_chromium
def test_the_last_load_test_is_shown_with_its_trust(open_page: Open, last_load_test: Path) -> None:
    page, written = open_page(), json.loads(last_load_test.read_text(encoding="utf-8"))
    section = page.locator("#load-test")
    expect(section).to_contain_text(written["control"])
    assert written["conditions"]["cpu"] in section.inner_text()
    trust = "not fit to compare" if written["warnings"] else "nothing speaks against comparing"
    assert trust in section.inner_text()
    assert section.locator("table").first.locator("tbody tr").count() == len(written["tables"][0]["rows"])


@needs_chromium
def test_the_page_works_under_a_path_prefix_and_without_a_load_test(
    open_page: Open, built: Path, tmp_path: Path
) -> None:
    settings = {"BONSAI_VARIANTS": str(built), "BONSAI_PATH_PREFIX": "/a/b", "BONSAI_WORKERS": "1"}
    with serving(
        "service.service:bonsai", ROOT, settings, BENTOML, tmp_path / "log.txt", ready="/a/b/readyz"
    ) as address:
        page = open_page("/a/b", to=address)
        expect(ask(page, "where is my parcel")).to_have_count(len(VARIANTS))
        expect(page.locator("#load-test-said")).to_contain_text("'make loadtest'")
        assert page.url == f"{address}/a/b/"
        page.get_by_role("navigation").get_by_role("link", name="API docs").click()
        expect(page.locator(".opblock").first).to_be_visible()
        assert page.url == f"{address}/a/b/docs"
        page.close()
    assert ["404" in said for said in open_page.problems] == [True]  # type: ignore[attr-defined]
    open_page.problems.clear()  # type: ignore[attr-defined]


@needs_chromium
def test_the_api_docs_ask_nobody_else(open_page: Open) -> None:
    page = open_page("/docs")
    expect(page.locator(".opblock").first).to_be_visible()


def test_files_are_kept_and_typed(host: str) -> None:
    for name, expected in ASSETS.items():
        status, content, fields = call(f"{host}/assets/{name}")
        assert (status, content) == (200, expected.body)
        assert fields["x-content-type-options"] == "nosniff"
        assert call(f"{host}/assets/{name}", headers={"If-None-Match": fields["etag"]})[0] == 304
    for wrong in ("nope.js", "../index.html", "%2e%2e%2findex.html", "__init__.py"):
        assert call(f"{host}/assets/{wrong}")[0] == 404
    assert {"page.js", "page.css", "icon.svg"} < ASSETS.keys()


def test_no_script_or_style_stands_in_the_page(host: str) -> None:
    _, page, fields = call(f"{host}/")
    assert "unsafe" not in fields["content-security-policy"]
    assert not re.search(rb"<style|\sstyle=|\son\w+=|<script>", page)
    assert not any(
        re.search(rb"innerHTML|insertAdjacentHTML|document\.write|eval\(", one.body) for one in ASSETS.values()
    )
