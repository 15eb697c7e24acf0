import subprocess
from pathlib import Path

import pytest

from loadtest.ask.corpus import read_corpus
from loadtest.errors import LoadTestError
from loadtest.serving import servers
from loadtest.serving.asking import check_labels
from loadtest.serving.running import Setting, running
from loadtest.serving.servers import SERVERS

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".venv-peers" / "bin" / "python"


def test_those_that_are_named_are_chosen_in_this_order() -> None:
    assert list(servers.choose(["noop", "in_process", "ours"])) == ["noop", "ours"]


@pytest.mark.parametrize(
    ("names", "said"),
    [(["ours", "other"], "there is no server 'other'; expected some of ours, "), (["ours"] * 2, "twice")],
)
def test_what_there_is_not_is_one_sentence(names: list[str], said: str) -> None:
    with pytest.raises(LoadTestError, match=said):
        servers.choose(names)


def test_every_peer_is_a_module_that_is_there() -> None:
    words = [word for server in SERVERS.values() for word in server.command if word.startswith("loadtest.")]
    assert {word.partition(":")[0] for word in words} == {
        f"loadtest.peers.{file.stem}"
        for file in (ROOT / "loadtest" / "peers").glob("*.py")
        if file.stem not in ("__init__", "work", "in_process")
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_every_server_starts_and_gives_the_labels_of_the_build(name: str, built: Path) -> None:
    server = SERVERS[name]
    if server.apart and not PEERS.exists():
        pytest.skip("needs .venv-peers, which make bench-serving makes")
    questions = read_corpus(built / "corpus.jsonl")
    with running(server, Setting(built, "int8", PEERS), questions[0].text) as started:
        if server.answers:
            check_labels(name, started.url, "int8", questions)
    left = subprocess.run(["ps", "-s", str(started.process.pid), "-o", "pid,stat,args"], capture_output=True, text=True)
    assert [line for line in left.stdout.splitlines()[1:] if " Z" not in line] == []
