"""`GET /load_test.json`: what the last load test found, as it wrote it for others to show."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from service.routes.exchange import Answer, Request, Service
from service.routes.refused import Refused

MOST_BYTES = 2**20
COMMAND = "'make loadtest' measures the variants of a running service"

logger = logging.getLogger("bentoml.bonsai")


class Table(BaseModel):
    """One scenario's figures, ready to be shown."""

    title: str
    heads: list[str]
    rows: list[list[str]]


class LoadTest(BaseModel):
    """The first level of a load test's comparison.json; what is new in it is passed on."""

    model_config = ConfigDict(extra="allow")

    run: dict[str, Any]
    conditions: dict[str, Any]
    warnings: list[str]
    cautions: list[str]
    conclusion: str
    control: str
    tables: list[Table]


async def load_test(request: Request, service: Service) -> Answer:
    """Return the last load test (Refused 404 where there is none)."""
    return Answer(read_load_test(service.load_tests).model_dump_json().encode())


def read_load_test(places: Iterable[Path]) -> LoadTest:
    """Read the first of these files that is there (Refused 404 where there is none, or it is no comparison)."""
    for place in places:
        try:
            with place.open("rb") as file:
                return LoadTest.model_validate_json(file.read(MOST_BYTES))
        except OSError:
            continue
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            where = ".".join(map(str, detail["loc"])) or "the file"
            logger.warning("%s is no comparison of a load test: %s: %s", place, where, detail["msg"])
            raise Refused(
                404,
                f"'{place.name}' is no load test of this version ({where[:64]}: {detail['msg'][:100]}); {COMMAND}",
            ) from None
    raise Refused(404, f"no load test travels with these variants; {COMMAND}")
