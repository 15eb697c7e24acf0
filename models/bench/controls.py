"""The benchmark's control rows: what one would run without this project, each made from the very checkpoint that the
variants come from.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification
from transformers.models.bert.modeling_bert import BertLayer

from models.bench.ensemble import Ensemble
from models.bench.quiet import quiet
from models.bench.static import distill_static, fit_static
from models.bench.tfidf import fit_tfidf
from models.data.dataset import Split
from models.prove.latency import Answer, answering
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import BATCH, Classifier
from models.runtime.errors import BonsaiError
from models.train.encoder import layers, load_model

PLAIN = "plain fp32 ONNX export"
AGAIN = f"{PLAIN}, again"  # the A/A control: the same file in another session
EAGER = "eager PyTorch, dynamic length"
STOCK_INT8 = "stock Optimum INT8 (avx512_vnni, dynamic)"
TFIDF = "TF-IDF + linear SVM"
STATIC = "static embeddings (model2vec)"
TAUGHT = ", teachers' labels"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
MODEL2VEC = "model2vec==0.7.0"  # later ones want skeletoken or huggingface-hub 1, which transformers 4.57 cannot have
Fit = Callable[[Split], tuple[Answer, int, str]]


@dataclass(frozen=True)
class Row:
    """Something that gives texts their labels: one text, or many in batches of 32 of like length."""

    name: str
    open: Callable[[], Answer]  # every turn anew: what an earlier one left in memory is not the next one's
    about: dict[str, Any]  # what a table says of it beside its times
    few: bool = False  # so slow that it is timed on a part of the texts


def control_rows(
    ensemble: Ensemble, tokenizer: Path, training: Sequence[str], workplace: Path
) -> tuple[list[Row], dict[str, str]]:
    """Make every control, and say of those that cannot be made why; `tokenizer` holds the tokenizer's files,
    `workplace` takes what is exported.

    Tokenizers have met the words of the texts `training` before they are timed.
    """
    plan, plain, stock = ensemble.plan, workplace / "plain", workplace / "stock_int8"
    dataset, max_tokens, seed = plan.dataset, plan.recipe.teacher.max_tokens, plan.recipe.seed
    with quiet():
        write_plain(ensemble.folder(0), tokenizer, plain)
    weights, exported = (plain / "model.safetensors").stat().st_size, (plain / MODEL_FILE).stat().st_size
    same_class = "in ONNX Runtime through the class that serves the variants: same tokenizer, same batches"
    dynamic, padded = (EagerPyTorch(plain, max_tokens, padding) for padding in ("longest", "max_length"))

    def opened(folder: Path) -> Answer:
        return answering(Classifier(folder, max_tokens=max_tokens), training)

    def stock_row() -> Row:
        with quiet():
            quantize_stock(plain, stock)
        return Row(
            STOCK_INT8,
            partial(opened, stock),
            about(f"Optimum's ORTQuantizer over the plain export, {same_class}", (stock / MODEL_FILE).stat().st_size),
        )

    def fitted(name: str, fit: Fit, taught: Callable[[], Split], said: str) -> Row:
        answer, size, made = fit(taught())
        return Row(name, lambda: in_batches(answer), about(f"{made}; fitted on {said}", size))

    distilled = cache(partial(distill_static, plain))

    def tfidf(taught: Split) -> tuple[Answer, int, str]:
        return fit_tfidf(dataset, taught, seed)

    def static(taught: Split) -> tuple[Answer, int, str]:
        if find_spec("model2vec") is None:
            raise BonsaiError(f"it needs model2vec, which is not installed; run 'pip install --no-deps {MODEL2VEC}'")
        answer, size, made = fit_static(distilled(), dataset, taught, max_tokens, seed)
        return answer, size, f"{MODEL2VEC}, {made}"

    rows = [
        Row(PLAIN, partial(opened, plain), about(f"Optimum's export, not optimized further, {same_class}", exported)),
        Row(AGAIN, partial(opened, plain), about("the row above a second time, in sessions of its own", exported)),
        Row(
            EAGER,
            lambda: dynamic,
            about("transformers' auto classes, inference mode, attention as they choose", weights),
            few=True,
        ),
        Row(
            f"eager PyTorch, padded to {max_tokens}",
            lambda: padded,
            about(f"the same, every text padded to {max_tokens} tokens", weights),
            few=True,
        ),
    ]
    makers: dict[str, Callable[[], Row]] = {STOCK_INT8: stock_row}
    fits: dict[str, Fit] = {TFIDF: tfidf, STATIC: static}
    for name, fit in fits.items():
        makers[name] = partial(fitted, name, fit, lambda: dataset.train, "the training rows")
        if ensemble.transfer:
            said = f"the training rows and {ensemble.transfer:,} variations of them, labelled by {ensemble.said}"
            makers[name + TAUGHT] = partial(fitted, name + TAUGHT, fit, lambda: ensemble.transfer_set, said)
    left_out: dict[str, str] = {}
    for name, make in makers.items():
        try:
            rows.append(make())
        except (
            Exception
        ) as error:  # of libraries that have no part in the build: the other rows are worth more than their traceback
            left_out[name] = reason(error)
    return rows, left_out


def reason(error: Exception) -> str:
    """Return the first line of what an error says, with its kind where it is not ours."""
    said = next(iter(str(error).splitlines()), "")
    return said if isinstance(error, BonsaiError) else f"{type(error).__name__}: {said}"


def write_plain(trained: Path, tokenizer: Path, folder: Path) -> BertForSequenceClassification:
    """Save the teacher as any fine-tuned BERT is saved, with a last layer that computes all tokens, and let Optimum
    export it beside that.
    """
    from optimum.exporters.onnx import main_export  # takes seconds to import

    model = load_model(trained)
    for layer in layers(model):
        layer.__class__ = BertLayer  # the opposite of `cls_only`
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)
    kept = (folder / "tokenizer.json").read_bytes()
    main_export(folder, output=folder, task="text-classification", library_name="transformers")
    (folder / "tokenizer.json").write_bytes(kept)  # Optimum writes back what transformers made of it
    return model


def quantize_stock(plain: Path, folder: Path) -> None:
    """Quantize the plain export as Optimum's documentation says for this CPU."""
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    config = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
    ORTQuantizer.from_pretrained(plain, file_name=MODEL_FILE).quantize(save_dir=folder, quantization_config=config)
    (folder / "model_quantized.onnx").rename(folder / MODEL_FILE)
    for name in (*TOKENIZER_FILES, "config.json"):
        shutil.copyfile(plain / name, folder / name)


class EagerPyTorch:
    """A fine-tuned BERT as transformers' documentation runs it."""

    def __init__(self, folder: Path, max_tokens: int, padding: str) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        self._options = {"padding": padding, "truncation": True, "max_length": max_tokens, "return_tensors": "pt"}

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Return the labels of the texts, in their order; sorted by characters, as sentence-transformers does, before
        they are cut into batches.
        """
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        answers = [""] * len(texts)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            numbers = (
                self._model(**self._tokenizer([texts[row] for row in rows], **self._options)).logits.argmax(-1).tolist()
            )
            for row, number in zip(rows, numbers, strict=True):
                answers[row] = self._model.config.id2label[number]
        return answers


def in_batches(answer: Answer) -> Answer:
    """Let a row that pads nothing, and so needs no order, meet the same batches as the others."""
    return lambda texts: [
        label for start in range(0, len(texts), BATCH) for label in answer(texts[start : start + BATCH])
    ]


def about(made: str, size: int) -> dict[str, Any]:
    """Return what a table says of a control."""
    return {"kind": "control", "made": made, "bytes": size}
