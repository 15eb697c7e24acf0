"""What is said before there are workers."""

from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from service.experiments.opening import LONGEST, SHADOWS, SHARED, check_sockets, prove


def test_a_folder_in_which_no_socket_can_be_bound_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    room = LONGEST - len(f"/bonsai-service-1-abcdefgh/{SHADOWS}")
    fits = Path("/" + "x" * (room - 1), "bonsai-service-1-abcdefgh")
    check_sockets(fits)
    for parent in (f"{fits.parent}y", "/" + "ä" * (room // 2) + "yy"):  # in bytes, not characters
        monkeypatch.setenv(SHARED, f"{parent}/{fits.name}")
        with pytest.raises(BonsaiError) as said:
            prove(["teacher"])
        assert str(said.value) == (
            f"TMPDIR is {parent}; expected a folder whose path is at most {room} bytes long: sockets lie in it"
        )
