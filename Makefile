# Names for what the tools do; each command also works by hand.
VENV ?= .venv
PYTHON ?= python3.11
HOST ?= http://127.0.0.1:3000
# PyTorch's own index for CPUs, where the default one has torch for CUDA: make env PIP_ARGS="--extra-index-url …"
PIP_ARGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS ?= .venv-peers
PEERS_STAMP := $(PEERS)/.installed
AUDIT ?= .venv-audit
AUDIT_STAMP := $(AUDIT)/.installed
# What the page shows of the last load test travels with the variants.
COPY_LOAD_TEST := cp -f loadtest/results/latest/comparison.json variants/load_test.json 2>/dev/null || true
export HF_HUB_DISABLE_TELEMETRY := 1
export BENTOML_DO_NOT_TRACK := True
# Images of Python often set it. Every process would compile what it imports: of a build 4,000 modules, in 7 s more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env demo test coverage slow large fuzz lint audit serve loadtest bench bench-predict bench-serving soak simulate bench-experiments figures kills swaps on-the-fly faults replicas overload bento image image-base image-test clean
.DEFAULT_GOAL := help

help:  ## these lines
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

env: $(STAMP)  ## the environment in .venv, with every library at the version of constraints.txt

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@# Two at once, for pip unpacks in one thread, and that is what takes the time.
	xargs -P 2 -n 15 $(BIN)/pip install --disable-pip-version-check --progress-bar off --no-compile $(PIP_ARGS) --no-deps < constraints.txt
	@why=$$($(BIN)/python -c "import torch" 2>&1) || { echo "error: the torch that came cannot be imported ($$(echo "$$why" | tail -n 1)); where it needs CUDA's libraries, expected was the one for CPUs: rm -r $(VENV); make env PIP_ARGS=\"--extra-index-url URL\", with the URL that PyTorch's page of installation gives for CPU" >&2; exit 2; }
	touch $(STAMP)

demo: env  ## fresh clone → variants → service → comparison, and end
	$(BIN)/python -m loadtest.demo

test: env lint  ## every check and test, ten minutes on two cores
	$(BIN)/pytest -n 4 --durations 10 -m "not slow and not image"

coverage: env  ## the same tests, and how much of the code they reach: tracing takes as long again
	rm -f .coverage*
	$(BIN)/coverage run -m pytest -n 4 -m "not slow and not image"
	$(BIN)/coverage combine --quiet
	$(BIN)/python -m tests.covered

slow: env  ## minutes more: a teacher of BERT-base's shape
	$(BIN)/pytest -m slow

large: env  ## half an hour: the memory that the largest data set takes
	$(BIN)/python -m tests.large

fuzz: env  ## requests and bodies that nobody would write, ten minutes
	$(BIN)/python -m tests.fuzz --out service/results/published/fuzz.json

lint: env  ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

$(AUDIT_STAMP): .ci/audit.txt
	$(PYTHON) -m venv $(AUDIT) || python3 -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --disable-pip-version-check --progress-bar off --no-compile --no-deps -r $<
	touch $@

audit: env $(AUDIT_STAMP)  ## known vulnerabilities of all that is pinned, by pip-audit; tests/advisories.yaml has what is let through
	$(BIN)/python -m tests.audit --pip-audit $(AUDIT)/bin/pip-audit

variants/build.json: | env
	$(BIN)/python -m models.build

serve: variants/build.json  ## the service on port 3000, building the variants first where there are none
	$(BIN)/bentoml serve service.service:bonsai

loadtest: env  ## compare the variants of a running service: make loadtest HOST=http://127.0.0.1:3000
	$(BIN)/python -m loadtest.run --host $(HOST)

bench: variants/build.json  ## the variants beside the control rows, some ten minutes: make bench BENCH_ARGS="--rounds 7"
	$(BIN)/python -m models.bench $(BENCH_ARGS)

bench-predict: variants/build.json  ## whole files beside the classifier alone, 15 minutes: make bench-predict PREDICT_ARGS="--names nano"
	$(BIN)/python -m models.bench.files $(PREDICT_ARGS)

$(PEERS_STAMP): loadtest/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS) || python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --disable-pip-version-check --progress-bar off --no-compile $(PIP_ARGS) --no-deps -r $<
	touch $@

bench-serving: variants/build.json $(PEERS_STAMP)  ## the service beside its peers, by wrk, an hour and a half: make bench-serving SERVING_ARGS="--servers ours mosec"
	$(BIN)/python -m loadtest.serving --peers-python $(PEERS)/bin/python $(SERVING_ARGS)

soak: variants/build.json  ## the service under a long load, twenty minutes; needs wrk
	$(BIN)/python -m loadtest.soak $(SOAK_ARGS)

simulate: env  ## how often the verdicts on experiments are false, five minutes of one core
	$(BIN)/python -m service.evidence.simulate --out service/results/published/verdicts.json

bench-experiments: variants/build.json  ## what an experiment costs its callers, some minutes; needs wrk
	$(BIN)/python -m loadtest.experiments $(EXPERIMENTS_ARGS)

figures: env  ## the lecture's figures anew, some two hours; goes on where it ended
	$(BIN)/python -m models.figures pruning $(PRUNING_ARGS)
	$(BIN)/python -m models.figures granularity

kills: variants/build.json  ## kill -9 a worker 50 times under load, and count feedback, ten minutes
	$(BIN)/python -m tests.kills --out service/results/published/kills.json

swaps: variants/build.json  ## load another build 200 times under load, and count what fails and grows, ten minutes
	$(BIN)/python -m tests.swaps --out service/results/published/swaps.json

on-the-fly: variants/build.json  ## what a variant on the fly takes, and costs callers meanwhile, ten minutes
	$(BIN)/python -m tests.on_the_fly --out service/results/published/on_the_fly.json

faults: env  ## break clients, workers, builds and jobs on purpose, an hour; mounts file systems
	$(BIN)/python -m tests.faults --out service/results/published/faults.json

replicas: variants/build.json  ## three services behind HAProxy: kill and update them under load, ten minutes; needs haproxy and wrk
	$(BIN)/python -m tests.replicas --out service/results/published/replicas.json

overload: variants/build.json  ## the service under ten times the load that it can take, two minutes; needs wrk
	$(BIN)/python -m loadtest.overload $(OVERLOAD_ARGS)

bento: variants/build.json  ## pack the variants of the last build and what serves them
	@$(COPY_LOAD_TEST)
	$(BIN)/bentoml build

image: variants/build.json  ## the container image, with its bill of materials in build/image/; needs docker or podman
	@$(COPY_LOAD_TEST)
	$(BIN)/python -m service.image.build $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE)) $(IMAGE_ARGS)

image-base: env  ## a base image for it out of Debian's packages, where no registry is reached: make image BASE_IMAGE=localhost/bonsai-python:3.11
	$(BIN)/python -m service.image.debian

image-test: env  ## build an image of tiny variants, run it and drive every route, some minutes; says so where the tools are missing
	$(BIN)/pytest -m image tests/service/image

clean:  ## remove the variants and all unpublished load tests
	rm -rf variants loadtest/results/2* loadtest/results/latest
