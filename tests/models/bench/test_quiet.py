import logging
import sys
import warnings

import pytest

from models.bench.quiet import quiet


def test_chatter_is_kept_and_errors_come_through(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        warnings.warn("talk", stacklevel=1)
        print("bar", file=sys.stderr)
        logging.warning("line")
    with pytest.raises(ValueError, match="wrong"), quiet():
        raise ValueError("wrong")
    assert capsys.readouterr().err == ""
    assert logging.root.manager.disable < logging.WARNING
