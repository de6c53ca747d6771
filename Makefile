# Every target installs what it needs into .venv, once; nothing has to be activated.
# Another interpreter: make PYTHON=python3.12 test

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The name carries a checksum of pyproject.toml: a touched but unchanged file installs nothing.
READY  := $(VENV)/ready-$(shell cksum < pyproject.toml | cut -d' ' -f1)
PEERS  := $(READY)-peers

# Two test processes that each start a BLAS pool would fight over the cores.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST     := $(ONE_THREAD) $(BIN)/python -m pytest
# pytest ends with 5 when it selects no test, which is no failure.
NONE_IS_FINE := || { code=$$?; test $$code -eq 5; }
WORKERS ?= 2
TESTS   ?=

FUZZ    ?= source --seeds 0:400 --seconds 500

.PHONY: demo test test-fast test-all matrix fuzz check check-lint check-types check-floors check-sizes check-golden bench golden clean

demo: $(READY)
	$(BIN)/python samples/demo.py

test: $(READY)
	$(PYTEST) -q -n $(WORKERS) -m "not slow and not gpu" $(TESTS) $(NONE_IS_FINE)

test-fast: $(READY)
	$(PYTEST) -q -n $(WORKERS) -m "not slow and not gpu and not native" $(TESTS) $(NONE_IS_FINE)

test-all: $(READY)
	$(PYTEST) -q -n $(WORKERS) $(TESTS) $(NONE_IS_FINE)

# Every pair of transformations over every program, and triples; writes docs/composition.md.
matrix: $(READY)
	cd tests && $(ONE_THREAD) PYTHONPATH=. ../$(BIN)/python -W ignore -m composition $(WORKERS)

# Random programs by the thousand: make fuzz FUZZ="native --seeds 0:60", make fuzz FUZZ="source --texts --seeds 7:90"
fuzz: $(READY)
	cd tests && $(ONE_THREAD) PYTHONPATH=. ../$(BIN)/python -W ignore -m fuzz $(FUZZ)

# `make -k check` shows everything that is wrong, not only the first.
check: check-lint check-types check-floors check-sizes check-golden

check-lint: $(READY)
	$(BIN)/ruff check .

check-types: $(READY)
	$(BIN)/mypy

check-floors: $(READY)
	$(BIN)/lint-imports

check-sizes: $(READY)
	$(BIN)/python .ci/check_file_sizes.py

check-golden: $(READY)
	$(PYTEST) -q -n 0 -m golden --no-stale-golden $(NONE_IS_FINE)

golden: $(READY)
	$(PYTEST) -q -n 0 -m golden --update-golden $(NONE_IS_FINE)

bench: $(PEERS)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(READY):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else \
	"gradscribe needs Python 3.11, 3.12 or 3.13; this is %d.%d. Say, for example: make PYTHON=python3.12" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,demo]"
	@rm -f $(VENV)/ready-* && touch $@

$(PEERS): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,demo,peers,torch]"
	@touch $@
