from models.transfer import transfer_texts

TEXTS = ["where is my parcel", "cancel it", "help", "i want the money back now please"]
LABELS = [0, 1, 2, 3]


def test_variations_are_seeded_and_made_of_the_texts_words() -> None:
    made = transfer_texts(TEXTS, LABELS, 50, seed=1)
    assert made == transfer_texts(TEXTS, LABELS, 50, seed=1)
    assert made != transfer_texts(TEXTS, LABELS, 50, seed=2)
    assert len(made) == 50 * len(TEXTS)
    assert all(text.strip() for text in made)
    assert {word for text in made for word in text.split()} <= {word for text in TEXTS for word in text.split()}
    assert len(set(made)) > len(TEXTS) * 10


def test_no_copies_no_texts() -> None:
    assert transfer_texts(TEXTS, LABELS, 0, seed=1) == []
