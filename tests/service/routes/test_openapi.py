"""The service's own description is held against it, by few seeded examples; `make fuzz` makes thousands."""

import pytest

from tests.fuzz.description import PROGRAM, fuzz


@pytest.mark.skipif(not PROGRAM.exists(), reason="schemathesis is not installed")
def test_every_answer_is_one_that_the_description_names(host: str) -> None:
    report, said = fuzz(host, "no-key", examples=2, phases="fuzzing")
    assert not report["errors"] and not report["failures"], said
    assert report["operations"]["tested"] == report["operations"]["selected"] > 30
