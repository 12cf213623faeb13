# The two commands of the README: `make demo` and `make test`. Each sets everything up first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tools about what is shipped, and a place to build it.
SUPPLY := .venv-supply
BUILD := .build

.PHONY: demo demo-web test prove lint types docs generate screenshots reliability teeth bench bench-quick bench-web bench-setup dist sbom audit check \
	setup lock clean

demo: setup
	@$(BIN)/discover demo

# The same in a browser: prints an address and a token. Ctrl-C, which ends it, is no error.
demo-web: setup
	@trap : INT; $(BIN)/discover demo --web || test $$? -eq 130

test: setup
	$(BIN)/pytest -m "not slow"

# The kit, whole, for every connector, and the tutorial.
prove: setup
	$(BIN)/pytest -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

# Not --quiet: mkdocs then counts no warnings, and --strict is met by anything. The variable silences the theme, which
# advertises its successor.
docs: setup
	$(BIN)/python -m docs.generate --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Writes the parts of the documents that quote the program.
generate: setup
	$(BIN)/python -m docs.generate

# Every page of the web host in light, dark and on a phone: writes docs/images/web. Look at each afterwards.
screenshots: setup
	$(BIN)/python -m docs.screenshots

# Every fault, and kill -9 at 250 instants: writes docs/reliability.md. A few minutes.
reliability: setup
	$(BIN)/python tests/reliability.py

# Connectors that break the kit's rules: writes docs/teeth.md. A few minutes.
teeth: setup
	PYTHONPATH=tests $(BIN)/python tests/teeth.py

# Every figure beside the floors and the peers: writes docs/performance.md. Most of an hour.
bench: setup
	$(BIN)/python -m benchmarks.bench

# Ours and the floors only: prints, and writes nothing. Under two minutes.
bench-quick: setup
	$(BIN)/python -m benchmarks.bench --quick

# The web host at 100,000 people: writes its part of docs/performance.md. Two minutes.
bench-web: setup
	$(BIN)/python -m benchmarks.web

# An environment for each peer, with the releases in its requirements.txt.
bench-setup: $(patsubst benchmarks/peers/%/requirements.txt,benchmarks/.venvs/%/.ready,$(wildcard benchmarks/peers/*/requirements.txt))

benchmarks/.venvs/%/.ready: benchmarks/peers/%/requirements.txt
	@echo "Setting up benchmarks/.venvs/$* …"
	@$(PYTHON) -m venv --clear benchmarks/.venvs/$*
	@benchmarks/.venvs/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The wheel and the source distribution of the last commit, in dist/. Each is built twice, elsewhere, and must come out
# with the same bytes.
dist: setup
	@rm -rf dist $(BUILD) && mkdir -p dist
	@for build in one two; do \
		mkdir -p $(BUILD)/$$build/source && git archive HEAD | tar -xf - -C $(BUILD)/$$build/source && \
		(cd $(BUILD)/$$build/source && PATH="$(CURDIR)/$(BIN):$$PATH" python -c \
			'import uv_build as build; build.build_wheel(".."), build.build_sdist("..")') || exit 1; \
		rm -rf $(BUILD)/$$build/source; \
	done
	@diff -r $(BUILD)/one $(BUILD)/two
	@mv $(BUILD)/one/* dist && rm -rf $(BUILD)
	@$(BIN)/python -m pip hash dist/*

# The wheel's own bill of materials (CycloneDX), beside it in dist/: what an installation of it holds, in the pinned versions.
sbom: dist $(SUPPLY)/.ready
	@mkdir -p $(BUILD)
	@sed -e '/--hash/d' -e 's/ \\$$//' requirements.txt > $(BUILD)/constraints.txt
	@$(PYTHON) -m venv --without-pip $(BUILD)/installed
	@$(BIN)/python -m pip --python $(BUILD)/installed install --quiet --disable-pip-version-check \
		--constraint $(BUILD)/constraints.txt dist/*.whl
	@$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file dist/sbom.cdx.json $(BUILD)/installed
	@rm -rf $(BUILD)
	@echo "Written to dist/sbom.cdx.json."

# Known vulnerabilities of the pinned dependencies. Says so where no advisory service can be reached.
audit: $(SUPPLY)/.ready
	@$(SUPPLY)/bin/python tests/audit.py requirements.txt

$(SUPPLY)/.ready: requirements-supply.txt
	@echo "Setting up $(SUPPLY) …"
	@$(PYTHON) -m venv --clear $(SUPPLY)
	@$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# What CI runs.
check: test prove lint types docs

setup: $(READY)

# The lock names all dependencies, so pip resolves none (--no-deps): with hashes, older versions of pip refuse an extra of
# a pinned package as soon as a newer version is out.
# pip refuses hashes and an editable project in one call, so there are two. The build backend is in
# requirements.txt, and is found through PATH.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# Pins every dependency, with hashes and without naming where it came from. Needs uv.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--no-emit-find-links --python-version 3.11 --extra simulator --extra web --group dev --group build pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--no-emit-find-links --python-version 3.11 --group supply -o requirements-supply.txt

clean:
	rm -rf $(VENV) $(SUPPLY) $(BUILD) dist .demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
