import time

import pytest

from models.runtime import progress
from models.runtime.progress import SILENCE_S, Bar


def test_without_a_terminal_a_task_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "last_said", [0.0])
    with Bar("train", 3) as bar:
        for step in range(3):
            bar.advance(f"step {step}")
        bar.finish("accuracy [0.9]")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.split() == ["train:", "accuracy", "[0.9]", "[0", "s]"]


def test_several_short_tasks_in_a_row_are_one_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for ago, said in ((SILENCE_S / 2, ""), (SILENCE_S + 1, "  read: 1 of 2, half\n"), (None, "")):
        if ago is not None:
            monkeypatch.setattr(progress, "last_said", [time.monotonic() - ago])
        with Bar("read", 2) as bar:
            bar.advance("half")
        assert capsys.readouterr().err == said


def test_what_is_done_beside_the_steps_moves_none_and_is_no_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "last_said", [time.monotonic()])
    with Bar("train", 3) as bar:
        bar.advance("half")
        progress.last_said[0] -= SILENCE_S + 1
        for _ in range(5):
            bar.beat.advance(by=100)
    assert capsys.readouterr().err == "  train: 1 of 3\n"


def test_an_error_passes_through(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), Bar("train", 3):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""
