# Names for what the tools do; each command also works by hand.
VENV ?= .venv
PYTHON ?= python3.11
HOST ?= http://127.0.0.1:3000
# A CPU-only package index for torch, where the default one would bring CUDA: make env PIP_ARGS="--extra-index-url …"
PIP_ARGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export HF_HUB_DISABLE_TELEMETRY := 1
export BENTOML_DO_NOT_TRACK := True

.PHONY: env demo test slow lint serve loadtest bench bento clean

env: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps -r constraints.txt
	touch $(STAMP)

demo: env  ## fresh clone → variants → service → comparison, and end
	$(BIN)/python -m loadtest.demo

test: env lint
	$(BIN)/pytest -m "not slow"

slow: env  ## minutes more: a teacher of BERT-base's shape
	$(BIN)/pytest -m slow

lint: env
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

variants/build.json: | env
	$(BIN)/python -m models.build

serve: variants/build.json
	$(BIN)/bentoml serve service.service:bonsai

loadtest: env
	$(BIN)/python -m loadtest.run --host $(HOST)

bench: variants/build.json  ## all variants beside the controls, some ten minutes: make bench BENCH_ARGS="--dataset F --rounds 7"
	$(BIN)/python -m models.bench $(BENCH_ARGS)

bento: variants/build.json
	$(BIN)/bentoml build

clean:
	rm -rf variants loadtest/results/2* loadtest/results/latest
