# How to run, test and check Visage. `make help` lists what there is.
#
# Every cargo command names the whole workspace, so that all of them want the same features of the dependencies and
# nothing is compiled twice.

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/visage
# Outside the checkout, so that several checkouts share the compiled dependencies.
export CARGO_TARGET_DIR ?= $(CACHE)/target

# The program's own files are those of this checkout.
export VISAGE_HOME ?= $(CURDIR)

VISAGE := $(CARGO_TARGET_DIR)/debug/visage

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the goals.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: run
run: setup build ## Install what is missing, fetch the models, serve the avatar at http://127.0.0.1:8080.
	$(VISAGE) serve

.PHONY: preview
preview: setup build ## The same avatar in a window.
	$(VISAGE) preview

.PHONY: doctor
doctor: build ## Check this machine.
	$(VISAGE) doctor

.PHONY: setup
setup: ## Install the system's packages that are missing (Debian and its relatives).
	@.ci/setup.sh run

.PHONY: setup-test
setup-test:
	@.ci/setup.sh test

.PHONY: build
build: ## Compile the program.
	cargo build --workspace

.PHONY: models
models: build ## Fetch the default models.
	$(VISAGE) models fetch

.PHONY: test
test: setup-test models format lint ## Check the format, lint, and run all tests.
	VISAGE_PICTURES=$(CARGO_TARGET_DIR)/pictures-of-tests cargo test --workspace

.PHONY: format
format: ## Check that the code is formatted as rustfmt.toml says.
	cargo fmt --all --check

# .ci/lint-driver says how this shares the dependencies with the build.
.PHONY: lint
lint: ## Clippy on everything; a warning is an error.
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/.ci/lint-driver \
	CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ \
	cargo build --workspace --all-targets

TARGET ?= fuzz_character_file
SECONDS ?= 60
CORPUS := $(CACHE)/fuzz/$(TARGET)

.PHONY: fuzz
fuzz: ## Fuzz what strangers may send: TARGET=fuzz_character_file|fuzz_upload SECONDS=60.
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/.ci/fuzz-driver cargo build --workspace --features visage_fuzz/libfuzzer --bin $(TARGET)
	mkdir -p $(CORPUS)
	$(CARGO_TARGET_DIR)/debug/$(TARGET) -max_total_time=$(SECONDS) -max_len=65536 -timeout=20 -rss_limit_mb=4096 \
	    -dict=tests/fuzz/$(TARGET).dict $(CORPUS) tests/fuzz/seeds/$(TARGET)
