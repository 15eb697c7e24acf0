from importlib import import_module

import pytest

from models.figures.command import FIGURES, main


@pytest.mark.parametrize("arguments", [["nothing"], []])
def test_a_figure_that_is_not_there_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(name in said for name in FIGURES)


def test_help_names_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in FIGURES)


@pytest.mark.parametrize("module", FIGURES.values())
def test_every_figure_is_a_command(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(module).main(["--help"])
    assert ended.value.code == 0
    assert module.rpartition(".")[2] in capsys.readouterr().out
