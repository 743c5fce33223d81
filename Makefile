# make        builds the commands into bin/
# make test   tests everything; see CONTRIBUTING.md

GO ?= go
# The nested modules keep their dependencies out of the daemon's go.mod. The list has no bench/peers, because its dependency,
# the OpenTelemetry collector, takes minutes to download and to compile. It has no tools modules, because they have no code.
NESTED := $(filter-out tools/ packaging/tools/ bench/peers/,$(dir $(wildcard */go.mod */*/go.mod)))
MODULES := $(NESTED) ./

# PKGS and TESTFLAGS choose tests: make test PKGS=./sink/... TESTFLAGS='-v -run Carbon'.
PKGS ?=
TESTFLAGS ?=
# With -check make test also does the work of make check. With -no-skips a skipped test is a failure.
SUITEFLAGS ?=
# How often make stress runs the tests: QUIET times alone, and BUSY times on a busy machine. N sets both.
N ?= 20
QUIET ?= $(N)
BUSY ?= $(N)
RUN ?=
# The file in which make stress collects the results of many calls.
LOG ?= dist/stress.log
# The running time of each soak test.
SOAK ?= 20m
# The file whose table make soak replaces, such as docs/reliability.md.
RESULTS ?=

.PHONY: bin/suite build test test-cluster stress check modules fmt-check vet vet-systems lint tidy-check soak bench bench-go profile fmt package package-test image release install-counterparts clean

# The binaries are static, so that they run on any Linux host. -buildvcs=auto adds the tag and the
# commit for --version, even if GOFLAGS turns it off.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/ ./cmd/...

# The tests of cluster/ take longest. make test runs them only if CLUSTER is set; make test-cluster always runs them.
CLUSTER ?=
SUITE = GO=$(GO) bin/suite -modules='$(if $(CLUSTER),$(MODULES),$(filter-out cluster/,$(MODULES)))' -packages='$(PKGS)' $(SUITEFLAGS)

# With a profile the compiler compiles each package again for each command. To save this time, tests and the linter use no
# profile.
WITHOUT_PROFILE := $(shell $(GO) env GOFLAGS) -pgo=off
test test-cluster stress check vet vet-systems lint soak: export GOFLAGS = $(WITHOUT_PROFILE)

bin/suite:
	@$(GO) build -o $@ ./scripts/suite

# The last line of its output is: N passed, N failed, N skipped.
test: bin/suite
	@$(SUITE) -- $(TESTFLAGS)

# Tests a cluster over real NATS servers while daemons, servers and network fail. With SOAK=1h random faults happen for
# an hour; the output has the seed.
test-cluster:
	TESTS=all $(GO) -C cluster test -count=1 -timeout=6h $(TESTFLAGS) ./...

# Finds tests that fail only sometimes. It runs the tests QUIET times alone, then BUSY times beside a second run of the tests
# and a program that uses each core. It can run in parts: the file LOG collects the results.
stress: bin/suite
	@sh scripts/counterparts || true
	@$(SUITE) -quiet=$(QUIET) -busy=$(BUSY) -results=$(LOG) -- $(if $(RUN),-run='$(RUN)') $(TESTFLAGS)

# The linter also runs go vet.
check: fmt-check lint tidy-check

modules:
	@set -e; for module in $(MODULES); do $(GO) -C $$module mod download; done

fmt-check:
	@unformatted=$$(gofmt -l */); [ -z "$$unformatted" ] || \
		{ echo "not formatted, make fmt mends it:" $$unformatted >&2; exit 1; }

vet:
	@set -e; for module in $(MODULES); do $(GO) -C $$module vet ./...; done

# The code must also build on macOS and FreeBSD. CI runs this target.
vet-systems:
	@set -e; for os in darwin freebsd; do GOOS=$$os $(GO) vet ./...; done

lint: bin/golangci-lint
	@set -e; for module in $(MODULES); do \
		(cd $$module && $(CURDIR)/bin/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...); \
	done

tidy-check:
	@set -e; for module in $(MODULES); do $(GO) -C $$module mod tidy -diff; done

# Runs the soak tests for $SOAK each, or in their full size. The output ends with a table of the results.
# RESULTS=docs/reliability.md also writes the table into that file.
soak:
	@SOAK=$(SOAK) RESULTS=$(RESULTS) GO=$(GO) sh scripts/soak ./...

# Compares whole daemons, and writes bench/RESULTS.md. It takes more than an hour, on a quiet machine.
# BENCHFLAGS='-repeats 1 -scale 0.2' takes 15 minutes. RESULTS.md says if the machine was not quiet.
BENCHFLAGS ?=
bench: build bin/peers
	-@sh scripts/counterparts collectd-core
	$(GO) run ./bench -results bench/RESULTS.md $(BENCHFLAGS)

# The output of the Go benchmarks is input for benchstat.
bench-go:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Builds the other Go daemons of the benchmark, in some minutes. bench skips daemons that cannot be built.
bin/peers: bench/peers/go.mod bench/peers/go.sum bench/peers/otelcol/main.go
	@echo "building the daemons to compare with"
	@mkdir -p $@
	-@GOBIN=$(CURDIR)/$@ $(GO) -C bench/peers install tool
	-@GOBIN=$(CURDIR)/$@ $(GO) -C bench/peers install ./...
	@touch $@

# Makes cmd/statsd/default.pgo, the profile that the compiler uses to optimise the daemon: go.dev/doc/pgo.
# The profiled daemon is built without a profile, so that the new profile shows all functions.
profile:
	CGO_ENABLED=0 $(GO) build -pgo=off -trimpath -o bin/profiled/statsd ./cmd/statsd
	$(GO) run ./bench profile -statsd bin/profiled/statsd

# Makes Debian packages, tarballs, an SBOM and checksums in dist/: see packaging/README.md.
package: bin/nfpm
	@GO=$(GO) packaging/build

# Installs, upgrades and removes the package in a real Debian, and runs the image.
package-test: package
	@GO=$(GO) packaging/test/run

# Makes a container image of the checked out commit, with buildah.
image:
	@GO=$(GO) packaging/image

# Makes all files of a release from its tag: make release VERSION=1.2.3.
release: bin/nfpm
	@GO=$(GO) packaging/release '$(VERSION)'

fmt:
	gofmt -w */

install-counterparts:
	@sh scripts/counterparts

clean:
	rm -rf bin dist

bin/golangci-lint: tools/go.mod tools/go.sum
	@echo "building the linter"
	@GOBIN=$(CURDIR)/bin $(GO) -C tools install tool
	@touch $@

# nfpm is the program that makes the Debian packages.
bin/nfpm: packaging/tools/go.mod packaging/tools/go.sum
	@echo "building nfpm"
	@GOBIN=$(CURDIR)/bin $(GO) -C packaging/tools install tool
	@touch $@
