from models.transfer import transfer_texts

TEXTS = ["where is my parcel", "cancel it", "help", "i want the money back now please"]
LABELS = [0, 1, 2, 3]
NEIGHBOURS = {"parcel": ["package", "letter"], "money": ["cash"], "help": ["assist"]}


def words(texts: list[str]) -> set[str]:
    return {word for text in texts for word in text.split()}


def test_variations_are_seeded_and_made_of_the_texts_words() -> None:
    made = transfer_texts(TEXTS, LABELS, {}, 50, seed=1)
    assert made == transfer_texts(TEXTS, LABELS, {}, 50, seed=1)
    assert made != transfer_texts(TEXTS, LABELS, {}, 50, seed=2)
    assert len(made) == 50 * len(TEXTS)
    assert all(text.strip() for text in made)
    assert words(made) <= words(TEXTS)
    assert len(set(made)) > len(TEXTS) * 10


def test_some_words_give_way_to_their_neighbours() -> None:
    made = transfer_texts(TEXTS, LABELS, NEIGHBOURS, 50, seed=1)
    assert made == transfer_texts(TEXTS, LABELS, NEIGHBOURS, 50, seed=1)
    assert words(made) == words(TEXTS) | {"package", "letter", "cash", "assist"}
    kept, replaced = (sum(text.split().count(word) for text in made) for word in ("money", "cash"))
    assert 0.1 < replaced / (kept + replaced) < 0.5


def test_more_copies_begin_with_the_same_texts() -> None:
    few, many = (transfer_texts(TEXTS, LABELS, NEIGHBOURS, copies, seed=1) for copies in (2, 5))
    assert many[: len(few)] == few


def test_no_copies_no_texts() -> None:
    assert transfer_texts(TEXTS, LABELS, NEIGHBOURS, 0, seed=1) == []
