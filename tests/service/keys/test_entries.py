"""The file of keys: what is read, and what is refused without repeating it."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.runtime.errors import BonsaiError
from service.keys.entries import KEY, MOST_BYTES, Entry, digest, make_key, parse, read_entries

HEX = hashlib.sha256(b"a").hexdigest()
OTHER = hashlib.sha256(b"b").hexdigest()


def test_a_file_is_read_line_by_line() -> None:
    content = (
        f"# those who may\n\nshop predict sha256:{HEX} texts_per_second=2.5 burst=1000\r\n ops\tadmin sha256:{OTHER}"
    )
    assert parse(content.encode(), "keys") == [Entry("shop", "predict", HEX, 2.5, 1000), Entry("ops", "admin", OTHER)]


def test_keys_are_random_and_long_and_kept_as_their_digest() -> None:
    keys = {make_key() for _ in range(100)}
    assert len(keys) == 100 and all(KEY.fullmatch(key) for key in keys)
    assert digest("a").hex() == HEX


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shop predict", "2 words"),
        (f"shop write sha256:{HEX}", "the role of 'shop' is not one of predict, admin"),
        (f"shop predict {HEX}", "'shop' has no SHA-256"),
        ("shop predict sha256:abc", "'shop' has no SHA-256"),
        (f"sh\x1bop predict sha256:{HEX}", "the first word is no name"),
        (f"shop predict sha256:{HEX} burst=5", "a burst and no texts_per_second"),
        (f"shop predict sha256:{HEX} texts_per_second=0", "no number from 0.001 to 1,000,000,000"),
        (f"shop predict sha256:{HEX} texts_per_second=nan", "no number from 0.001 to 1,000,000,000"),
        (f"shop predict sha256:{HEX} texts_per_second=5e-324", "no number from 0.001"),
        (f"shop predict sha256:{HEX} texts_per_second=2e9", "to 1,000,000,000"),
        (f"shop predict sha256:{HEX} texts_per_second=1_000", "no number from"),
        (f"shop predict sha256:{HEX} texts_per_second=١٢", "no number from"),
        (f"shop predict sha256:{HEX} texts_per_second=1 texts_per_second=9", "an option that there is not, or twice"),
        (f"shop predict sha256:{HEX}\nshop admin sha256:{OTHER}", "line 2: the same as in line 1"),
        (f"shop predict sha256:{HEX}\nops admin sha256:{HEX}", "line 2: the same as in line 1"),
        ("", "is empty"),
        (" \n", "is empty"),
        ("#" * (MOST_BYTES + 1), "is larger than 4 MiB"),
    ],
)
def test_what_is_no_file_of_keys_is_said_in_one_sentence(line: str, said: str) -> None:
    with pytest.raises(BonsaiError, match=said) as refused:
        parse(line.encode(), "keys")
    assert "\n" not in str(refused.value) and "\x1b" not in str(refused.value) and "expected" in str(refused.value)


def test_a_key_that_was_written_instead_of_its_digest_is_not_repeated() -> None:
    key = make_key()
    for line in (key, f"shop predict {key}", f"{key} predict sha256:x", f"shop {key} sha256:{HEX}"):
        with pytest.raises(BonsaiError) as refused:
            parse(line.encode(), "keys")
        assert key not in str(refused.value)


def test_a_file_with_comments_alone_holds_no_keys_and_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert parse(b"# nobody\n", "keys") == []
    with pytest.raises(BonsaiError, match=r"cannot be read \(No such file.*python -m service.keys new"):
        read_entries(tmp_path / "none")
    with pytest.raises(BonsaiError, match="UTF-8"):
        parse(b"\xff\xfe", "keys")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_content_is_entries_or_one_sentence(content: bytes) -> None:
    try:
        entries = parse(content, "keys")
    except BonsaiError as refused:
        assert str(refused).isprintable()
    else:
        assert parse("".join(f"{entry.line()}\n" for entry in entries).encode() or b"#", "keys") == entries
