"""The comparison as one HTML file that needs nothing else: the pictures are inside it."""

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from loadtest.conclusion import conclusion
from loadtest.generator import cautions
from loadtest.result import Result, everyone
from loadtest.summary import warnings
from loadtest.table import TITLES, control_text, sections

TEMPLATE = Path(__file__).with_name("page.html")


def html(result: Result, pictures: Mapping[str, bytes]) -> str:
    """Return the page."""
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        run=result["run"],
        conditions=result["conditions"],
        variants=result["variants"],
        everyone=everyone(result),
        run_against=result.get("against", {}).get("host"),
        warnings=warnings(result),
        cautions=cautions(result),
        conclusion=conclusion(result),
        control=control_text(result),
        sections=[(TITLES[scenario], *section) for scenario, section in sections(result).items()],
        failed={name for name, variant in result["variants"].items() if variant["failures"]},
        pictures={name: base64.b64encode(picture).decode("ascii") for name, picture in pictures.items()},
    )
