# make demo   sets everything up and runs the main job on the shipped example
# make test   sets everything up and passes the tests

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TWO_AT_A_TIME := --numprocesses 2 --dist loadfile
DEMO ?= demo
DEMO_CAMPAIGN := double11-2026-opening

.PHONY: setup demo test lint slow services messages schemas examples clean

setup: $(READY)

# Made anew only when what is needed has changed, so that everything works offline afterwards.
$(READY): pyproject.toml requirements.txt hatch_build.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo 'python3-venv is missing: apt-get install python3-venv' >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.txt --editable '.[dev]'
	touch $(READY)

messages: $(READY)
	$(BIN)/python hatch_build.py

demo: messages
	test -f $(DEMO)/surgeplan.yaml || $(BIN)/surgeplan init $(DEMO) --example double11
	$(BIN)/surgeplan run $(DEMO_CAMPAIGN) --workspace $(DEMO) --now 2026-11-07T20:00+08:00

lint: messages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest $(TWO_AT_A_TIME)

slow: messages
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps chdb==4.4.0 chdb-core==26.9.0  # ClickHouse, 180 MB
	$(BIN)/pytest -m 'slow and not alone' $(TWO_AT_A_TIME)
	$(BIN)/pytest -m alone

# What the slow tests talk to: a browser, Prometheus, PostgreSQL, Chinese fonts (Debian packages; needs root).
services:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk git libgomp1 nginx-light prometheus postgresql

schemas: messages
	$(BIN)/python -m surgeplan.schemas docs/schemas

clean:
	rm -rf $(VENV) $(DEMO) build dist
