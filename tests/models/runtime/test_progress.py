import pytest

from models.runtime.progress import Bar


def test_without_a_terminal_a_task_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("train", 3) as bar:
        for step in range(3):
            bar.advance(f"step {step}")
        bar.finish("accuracy [0.9]")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.split() == ["train:", "accuracy", "[0.9]", "[0", "s]"]


def test_an_error_passes_through(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), Bar("train", 3):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""
