# `make demo` and `make test` need Python 3.11 to 3.13 with pip, and a package index; nothing else.
PYTHON ?= python3
BIN = .venv/bin
RUN = runs/demo
PYTEST = $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

.PHONY: demo test test-long test-all lint docs links clean

demo: .venv/installed
	$(BIN)/kgan train digits --steps 3000 --run $(RUN) --export tflite
	$(BIN)/kgan sample $(RUN)/export/generator.tflite --out $(RUN)/digits.png
	@echo
	@echo "digits drawn by the .tflite, without TensorFlow:  $(RUN)/digits.png"
	@echo "the same latents from the first step to the last: $(RUN)/samples"
	@echo "the run on one page, with the doctor's verdict:   $(RUN)/report.html"

test: .venv/installed
	$(PYTEST) -m "not long"

test-long: .venv/installed  # what `make test` leaves out
	$(PYTEST) -m long

test-all: .venv/installed
	$(PYTEST)

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/zizmor --offline --quiet .github/workflows
	@# The last two read the layout that is installed, in which cli and exports are subpackages.
	rm -rf build/layout && mkdir -p build/layout && cp -r keras_gan build/layout/ && cp -r cli exports build/layout/keras_gan/
	cd build/layout && ../../$(BIN)/lint-imports --no-logo ../../pyproject.toml
	cd build/layout && ../../$(BIN)/mypy --config-file ../../pyproject.toml

docs: .venv/installed
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/html
	@echo "the site: docs/_build/html/index.html"

links: .venv/installed  # asks every host that the pages link to
	$(BIN)/python -m sphinx --quiet -b linkcheck docs docs/_build/links

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

clean:
	rm -rf .venv
