"""Make, list and remove API keys: `python -m service.keys new NAME --role predict` prints a key, this once."""

import argparse
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.runtime.errors import BonsaiError
from models.runtime.files import replaced
from service.keys.entries import LINE, NAME, PREFIX, ROLES, Entry, digest, make_key, parse, read_entries, read_limit


def new(file: Path, name: str, role: str, texts_per_second: float | None, burst: float | None) -> str:
    """Add a key to a file, made where there is none, and return it (BonsaiError)."""
    if not NAME.fullmatch(name) or name.startswith(PREFIX):
        raise BonsaiError(f"'{name[:64]}' is no name; expected up to 64 letters, digits and . _ -, not '{PREFIX}…'")
    if burst is not None and texts_per_second is None:
        raise BonsaiError("there is a burst and no rate; expected --texts-per-second as well")
    key = make_key()
    with _held(file):
        content = file.read_bytes() if file.exists() else f"# {LINE}\n".encode()
        if any(entry.name == name for entry in parse(content, str(file))):
            raise BonsaiError(f"'{file}' has a key '{name}'; expected another name, or 'remove {name}' first")
        line = Entry(name, role, digest(key).hex(), texts_per_second, burst).line()
        _write(file, f"{content.decode().rstrip()}\n{line}\n")
    return key


def remove(file: Path, name: str) -> None:
    """Take a key out of a file; comments stay (BonsaiError)."""
    with _held(file):
        if not any(entry.name == name for entry in read_entries(file)):
            raise BonsaiError(f"'{file}' has no key '{name[:64]}'; 'list' shows those that it has")
        lines = file.read_text(encoding="utf-8").splitlines()
        left = [line for line in lines if line.split()[:1] != [name]]
        _write(file, "".join(f"{line}\n" for line in left or [f"# {LINE}"]))


def _write(file: Path, text: str) -> None:
    """Replace the file that a name leads to, with the rights that it has: a service of another user reads it."""
    parse(text.encode(), str(file))
    file = file.resolve()
    before = file.stat() if file.exists() else None
    with replaced(file) as out:
        out.write(text)
        if before is not None:
            os.fchmod(out.fileno(), stat.S_IMODE(before.st_mode))
            if os.fstat(out.fileno())[stat.ST_UID : stat.ST_GID + 1] != before[stat.ST_UID : stat.ST_GID + 1]:
                os.fchown(out.fileno(), before.st_uid, before.st_gid)


@contextmanager
def _held(file: Path) -> Iterator[None]:
    """Hold the file's folder, so that of two commands none loses what the other writes."""
    try:
        folder = os.open(file.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise BonsaiError(
            f"'{file}' cannot be changed ({error.strerror}); expected a file in a folder of yours"
        ) from error


def _limit(value: str) -> float:
    try:
        return read_limit(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: '{value[:64]}'") from None


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m service.keys", description="Make, list and remove API keys.")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--file", type=Path, help="the file of keys (default: what BONSAI_KEYS names)")
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("new", parents=[where], help="make a key and print it, this once")
    made.add_argument("name", metavar="NAME")
    made.add_argument("--role", choices=ROLES, required=True, help="what it is for")
    made.add_argument("--texts-per-second", type=_limit, metavar="N", help="how many texts it may ask for a second")
    made.add_argument("--burst", type=_limit, metavar="N", help="and how many at once after a pause (one second's)")
    commands.add_parser("list", parents=[where], help="show names, roles and limits")
    removed = commands.add_parser("remove", parents=[where], help="take a key out")
    removed.add_argument("name", metavar="NAME")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Run a command; exit code 2 and one sentence for what the user can repair."""
    asked = arguments(given)
    try:
        file = asked.file or Path(os.environ.get("BONSAI_KEYS", ""))
        if file == Path():
            raise BonsaiError("no file of keys is named; expected --file FILE, or BONSAI_KEYS in the environment")
        if asked.command == "new":
            if sys.stdout is None:  # closed: the key would be made, and nobody would see it
                raise BonsaiError("there is no standard output; expected one that the key can be shown on")
            key = new(file, asked.name, asked.role, asked.texts_per_second, asked.burst)
            print(f"'{asked.name}' in '{file}'; this is the only time that its key is shown:", file=sys.stderr)
            try:
                print(key, flush=True)
            except OSError as error:
                _write_no_more()
                remove(file, asked.name)
                raise BonsaiError(
                    f"the key cannot be shown ({error.strerror}), and is taken out again; expected room to write it"
                ) from error
        elif asked.command == "remove":
            remove(file, asked.name)
        else:
            lines = [entry.line().replace(entry.sha256, f"{entry.sha256[:8]}…") for entry in read_entries(file)]
            try:
                print("\n".join(lines), flush=True)
            except BrokenPipeError:  # whoever reads has enough
                _write_no_more()
    except BonsaiError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


def _write_no_more() -> None:
    """Let what could not be written not be tried again at Python's end (its documentation, "Note on SIGPIPE")."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
