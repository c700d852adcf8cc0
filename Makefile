.PHONY: run test nightly check ebpf kernel bench bench-peer bench-sensor docs site lock venv clean

BIN := .venv/bin

run: venv  ## sensor (as root) and router on :2801, with embedded defaults (ARGS="-c FILE" for yours)
	@tools/libbpf
	@$(BIN)/sidekick run $(ARGS)

test: venv  ## all tests, against real servers; installs what they need
	@$(BIN)/python tests/servers/install.py
	@$(BIN)/python -m pytest $(ARGS)

nightly: venv  ## the properties of the rule language with many more examples: 100,000 broken files, 50,000 conditions
	@SIDEKICK_NIGHTLY=1 $(BIN)/python -m pytest tests/rules/test_bad_input.py tests/rules/test_meaning.py \
		tests/rules/test_printer.py tests/sensor/test_prefilter.py --timeout 0 $(ARGS)

check: venv  ## lint, format, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: venv  ## our own benchmarks
	@$(BIN)/python -m bench

bench-peer: venv  ## the load and faults of the peer harness, ours beside falcosidekick's
	@$(BIN)/python -m bench.peer $(ARGS)

bench-sensor: venv  ## what the sensor costs and what load it bears, beside Falco's figures (as root)
	@$(BIN)/python -m bench.sensor $(ARGS)

ebpf:  ## rebuild the sensor's programs (needs clang, llvm, libbpf-dev)
	@$(MAKE) -C sidekick/ebpf

kernel: venv  ## the tests of the sensor's programs on Debian's kernel, in an emulator (ARGS="KERNEL.deb" for another)
	@tools/boot-kernel $(ARGS)

docs: venv  ## regenerate what is generated: configuration reference, JSON schema, pages of sinks, table of rules
	@$(BIN)/python -m sidekick.settings.reference
	@$(BIN)/python -m tools.sink_pages
	@$(BIN)/python -m sidekick.rule_table
	@$(BIN)/python -m sidekick.compat.reference

site:  ## the documentation as a site, in build/site
	@tools/site

COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-emit-index-url --no-header

lock: venv  ## renew requirements.lock, of it what the image needs, and the site's
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/$(COMPILE) --extra dev -o requirements.lock pyproject.toml
	@$(BIN)/$(COMPILE) --constraint requirements.lock -o requirements.image.lock pyproject.toml
	@$(BIN)/$(COMPILE) -o requirements.site.lock tools/site.in

venv:
	@tools/venv

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
