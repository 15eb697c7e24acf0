from models.train.augmentation import augment

TEXTS = ["where is my parcel", "cancel it", "help", "i want the money back now please"]
LABELS = [0, 1, 2, 3]
NEIGHBOURS = {"parcel": ["package", "letter"], "money": ["cash"], "help": ["assist"]}


def words(texts: list[str]) -> set[str]:
    return {word for text in texts for word in text.split()}


def test_variations_are_seeded_and_made_of_the_texts_words() -> None:
    made = augment(TEXTS, LABELS, {}, 200, seed=1)
    assert made == augment(TEXTS, LABELS, {}, 200, seed=1)
    assert made != augment(TEXTS, LABELS, {}, 200, seed=2)
    assert len(made) == 200
    assert all(text.strip() for text in made)
    assert words(made) <= words(TEXTS)
    assert len(set(made)) > len(TEXTS) * 10


def test_some_words_give_way_to_their_neighbours() -> None:
    made = augment(TEXTS, LABELS, NEIGHBOURS, 200, seed=1)
    assert made == augment(TEXTS, LABELS, NEIGHBOURS, 200, seed=1)
    assert words(made) == words(TEXTS) | {"package", "letter", "cash", "assist"}
    kept, replaced = (sum(text.split().count(word) for text in made) for word in ("money", "cash"))
    assert 0.1 < replaced / (kept + replaced) < 0.5


def test_so_many_as_asked_and_more_begin_with_the_same_texts() -> None:
    few, many = (augment(TEXTS, LABELS, NEIGHBOURS, count, seed=1) for count in (7, 21))
    assert (len(few), len(many)) == (7, 21)
    assert many[: len(few)] == few
    assert augment(TEXTS, LABELS, NEIGHBOURS, 0, seed=1) == []


def test_texts_without_blanks_are_varied_too() -> None:
    texts = ["我的包裹在哪里", "请取消我的订单", "我要退款"]
    made = augment(texts, [0, 1, 2], {}, 200, seed=1)
    assert sum(text.replace(" ", "") in texts for text in made) < 60
    assert set("".join(made)) - {" "} <= set("".join(texts))


def test_of_a_long_text_what_the_model_reads_is_varied() -> None:
    texts = [" ".join(f"w{number}x{place}" for place in range(500)) for number in range(5)]
    made = augment(texts, [0] * 5, {}, 100, seed=1, most=20)
    assert max(len(text.split()) for text in made) <= 40
    assert sum(text in [" ".join(each.split()[:20]) for each in texts] for text in made) < 20


def test_a_few_variations_of_many_texts_are_drawn_from_all_of_them() -> None:
    texts = [f"word{number}" for number in range(1000)]
    made = augment(texts, [0] * 1000, {}, 100, seed=1)
    numbers = [int(text.split()[0].removeprefix("word")) for text in made]
    assert min(numbers) < 100
    assert max(numbers) >= 900  # a file sorted by label would give one label's texts
