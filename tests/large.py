"""What the largest data set takes: build variants of 200,000 rows of some 300 tokens and 1,000 labels, one epoch each,
and print the peak memory.

Random words and a narrow random BERT make it a matter of half an hour instead of a day: rows, tokens, labels and soft
targets take what they always take. What the teacher's own width takes is measured beside it: some training steps of the
embedded teacher's shape on the same rows.

    python -m tests.large [--rows 200000] [--labels 1000] [--words 298]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from tokenizers import Tokenizer as RawTokenizer

from models.plan.checkpoint import find_teacher
from models.recipe.recipe import TeacherSource
from tests.conftest import TINY

STEPS = 20  # batches of 64 rows of the embedded teacher's shape; the longest texts are among them from the first on
RECIPE = {
    "teacher": {"max_tokens": 512, "epochs": 1},
    "variants": {
        "pruned": [{"prune": {"remove_heads": 1, "remove_ffn": 0.5, "epochs": 1, "teachers": 2}}],
        "distilled_int8": [
            {"distill": {"layers": 1, "epochs": 1, "transfer": 36_000, "teachers": 3, "contextual": 1}},
            {"quantize": {}},
        ],
        "cascade": {"cascade": {"small": "distilled_int8", "large": "pruned"}},
    },
}
ONE_STEP = """
import sys, torch
from pathlib import Path
from transformers import BertConfig, BertForSequenceClassification
from array import array
from models.train.encoder import cls_only
from models.recipe.strict import Schedule
from models.train.distillation_data import Tokenized
from models.train.training import train
rows, tokens, labels, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
config = BertConfig.from_json_file(folder / "config.json")
config.num_labels, config._attn_implementation = labels, "sdpa"
ids = [array("i", torch.randint(1000, 30000, (tokens,)).tolist()) for _ in range(rows)]
data = Tokenized(ids, torch.randint(labels, (rows,)), 0)
validation = Tokenized(ids[:64], data.labels[:64], 0)
model, schedule = cls_only(BertForSequenceClassification(config)), Schedule(epochs=1, learning_rate=1e-4)
train(model, data, validation, schedule, seed=0, title="steps")
"""


def write_rows(folder: Path, rows: int, labels: int, words: int) -> None:
    """Write train.csv and test.csv; a text's label shows in some of its words."""
    draw, vocabulary = Random(0), [f"word{number}" for number in range(20_000)]
    for name, count in (("train", rows), ("test", rows // 10)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write("text,label\n")
            for number in range(count):
                text = draw.choices(vocabulary, k=words) + [f"about{number % labels}"] * 2
                file.write(f"{' '.join(text)},intent {number % labels}\n")


def write_checkpoint(folder: Path, labels: int) -> None:
    """Write a narrow random BERT that knows every word as one piece, in the hub's layout."""
    import torch
    from tokenizers import models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *(f"word{number}" for number in range(20_000)),
        *(f"about{number}" for number in range(labels)),
    ]
    tokenizer = RawTokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    sizes = {**TINY, "num_hidden_layers": 2, "max_position_embeddings": 512}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)


def peak(command: list[str], environment: dict[str, str]) -> float:
    """Run a command to its end and return the most memory that it held, in GB (CalledProcessError)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after > before, "an earlier command held more: its figure would be taken for this one's"
    return after * 1024 / 1e9


def main() -> None:
    """Print one JSON line: rows, labels, words and the two peaks in GB."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rows", 200_000), ("labels", 1_000), ("words", 298)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data, checkpoint, recipe = folder / "data", folder / "bert", folder / "recipe.yaml"
        data.mkdir()
        checkpoint.mkdir()
        write_rows(data, options.rows, options.labels, options.words)
        write_checkpoint(checkpoint, options.labels)
        recipe.write_text(
            json.dumps(
                {
                    **RECIPE,
                    "teacher": {**RECIPE["teacher"], "source": str(checkpoint)},
                    "dataset": {"source": str(data)},
                }
            )
        )
        embedded = find_teacher(TeacherSource()).folder
        steps = peak(
            [
                sys.executable,
                "-c",
                ONE_STEP,
                str(64 * STEPS),
                str(options.words + 2),
                str(options.labels),
                str(embedded),
            ],
            {},
        )
        build = peak(
            [sys.executable, "-m", "models.build", "--recipe", str(recipe), "--out", str(folder / "variants")],
            {"BENTOML_HOME": str(folder / "home")},
        )
    print(json.dumps({**vars(options), "training_step_gb": round(steps, 2), "build_gb": round(build, 2)}))


if __name__ == "__main__":
    main()
