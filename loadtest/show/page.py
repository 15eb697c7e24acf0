"""The comparison as one HTML file that needs nothing else: the pictures are inside it."""

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from loadtest.figures.comparison import Comparison
from loadtest.figures.conclusion import conclusion
from loadtest.show.table import control_text, sections, title

TEMPLATE = Path(__file__).with_name("page.html")


def html(comparison: Comparison, pictures: Mapping[str, bytes]) -> str:
    """Return the page."""
    result = comparison.result
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        run=result.run,
        conditions=result.conditions,
        variants=result.variants,
        everyone=result.everyone(),
        run_against=result.against.host if result.against else None,
        warnings=comparison.warnings,
        cautions=comparison.cautions,
        conclusion=conclusion(comparison),
        control=control_text(comparison),
        sections=[(title(name), *section) for name, section in sections(comparison).items()],
        failed={name for name, variant in result.variants.items() if variant.failures},
        pictures={name: base64.b64encode(picture).decode("ascii") for name, picture in pictures.items()},
    )
