# make        builds the commands into bin/
# make test   is the whole check, and what CI runs; see CONTRIBUTING.md

GO ?= go
# Modules of their own keep their requirements out of the daemon's go.mod. bench/peers is left out: its one small program
# has the OpenTelemetry collector as a dependency, which takes minutes to download and to compile. tools has no code.
NESTED := $(filter-out tools/ packaging/tools/ bench/peers/,$(dir $(wildcard */go.mod */*/go.mod)))
MODULES := $(NESTED) ./

# For a part of the tests: make test PKGS=./sink/... TESTFLAGS='-v -run Carbon'.
PKGS ?=
TESTFLAGS ?=
# With -no-skips a skipped test is a failure.
SUITEFLAGS ?=
# How often make stress runs the tests, quiet and busy.
N ?= 20
QUIET ?= $(N)
BUSY ?= $(N)
RUN ?=
# Where make stress keeps the results, and adds them up over many calls.
LOG ?= dist/stress.log
# The running time of each soak test.
SOAK ?= 20m
# The file whose table make soak replaces, such as docs/reliability.md.
RESULTS ?=

.PHONY: bin/suite build test test-cluster stress check modules fmt-check vet vet-systems lint tidy-check soak bench bench-go profile fmt package package-test image release install-counterparts clean

# Static, so that a binary runs wherever it is copied to. -buildvcs stamps the tag and the
# commit for --version, also where GOFLAGS turns that off.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/ ./cmd/...

# cluster/ takes longest. make test leaves it to make test-cluster, unless CLUSTER is set.
CLUSTER ?=
SUITE = GO=$(GO) bin/suite -modules='$(if $(CLUSTER),$(MODULES),$(filter-out cluster/,$(MODULES)))' -packages='$(PKGS)' $(SUITEFLAGS)

# With a profile the compiler compiles each package again for each command. Tests and the linter do without.
WITHOUT_PROFILE := $(shell $(GO) env GOFLAGS) -pgo=off
test test-cluster stress check vet vet-systems lint soak: export GOFLAGS = $(WITHOUT_PROFILE)

bin/suite:
	@$(GO) build -o $@ ./scripts/suite

# The last line it prints is: N passed, N failed, N skipped.
test: bin/suite
	@$(SUITE) -- $(TESTFLAGS)

# Daemons that work together over real NATS servers, while things break. With SOAK=1h random things break for
# an hour; the output has the seed.
test-cluster:
	TESTS=all $(GO) -C cluster test -count=1 -timeout=6h $(TESTFLAGS) ./...

# Finds tests that fail sometimes: runs them N times, then N times beside a second
# run and a program that burns each core. QUIET and BUSY set one of the numbers.
# It can run in parts: the results in LOG are added up.
stress: bin/suite
	@sh scripts/counterparts || true
	@$(SUITE) -quiet=$(QUIET) -busy=$(BUSY) -results=$(LOG) -- $(if $(RUN),-run='$(RUN)') $(TESTFLAGS)

# The linter vets, too.
check: fmt-check lint tidy-check

modules:
	@set -e; for module in $(MODULES); do $(GO) -C $$module mod download; done

fmt-check:
	@unformatted=$$(gofmt -l */); [ -z "$$unformatted" ] || \
		{ echo "not formatted, make fmt mends it:" $$unformatted >&2; exit 1; }

vet:
	@set -e; for module in $(MODULES); do $(GO) -C $$module vet ./...; done

# The other systems must build, too. CI checks it.
vet-systems:
	@set -e; for os in darwin freebsd; do GOOS=$$os $(GO) vet ./...; done

lint: bin/golangci-lint
	@set -e; for module in $(MODULES); do \
		(cd $$module && $(CURDIR)/bin/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...); \
	done

tidy-check:
	@set -e; for module in $(MODULES); do $(GO) -C $$module mod tidy -diff; done

# Soak tests run for $SOAK, or in their full size.
# The table of results ends the output. RESULTS=docs/reliability.md puts it there.
soak:
	@SOAK=$(SOAK) RESULTS=$(RESULTS) GO=$(GO) sh scripts/soak ./...

# Compares whole daemons, and writes bench/RESULTS.md. It takes more than an hour, on a quiet machine.
# BENCHFLAGS='-repeats 1 -scale 0.2' takes 15 minutes. RESULTS.md says if the machine was not quiet.
BENCHFLAGS ?=
bench: build bin/peers
	-@sh scripts/counterparts collectd-core
	$(GO) run ./bench -results bench/RESULTS.md $(BENCHFLAGS)

# The Go benchmarks print what benchstat reads.
bench-go:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# The Go daemons that bench compares with. They take some minutes to build. Those that cannot be built are
# not measured.
bin/peers: bench/peers/go.mod bench/peers/go.sum bench/peers/otelcol/main.go
	@echo "building the daemons to compare with"
	@mkdir -p $@
	-@GOBIN=$(CURDIR)/$@ $(GO) -C bench/peers install tool
	-@GOBIN=$(CURDIR)/$@ $(GO) -C bench/peers install ./...
	@touch $@

# cmd/statsd/default.pgo says where the daemon spends its time. The compiler reads it: go.dev/doc/pgo.
# The profiled daemon is built without it, so that all functions show.
profile:
	CGO_ENABLED=0 $(GO) build -pgo=off -trimpath -o bin/profiled/statsd ./cmd/statsd
	$(GO) run ./bench profile -statsd bin/profiled/statsd

# dist/ gets Debian packages, tarballs, an SBOM and checksums: packaging/README.md.
package: bin/nfpm
	@GO=$(GO) packaging/build

# Installs, upgrades and removes the package in a real Debian, and runs the image.
package-test: package
	@GO=$(GO) packaging/test/run

# A container image of the checked out commit, with buildah.
image:
	@GO=$(GO) packaging/image

# Everything of a release, from a clean tag: make release VERSION=1.2.3.
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

# nfpm makes the Debian packages.
bin/nfpm: packaging/tools/go.mod packaging/tools/go.sum
	@echo "building nfpm"
	@GOBIN=$(CURDIR)/bin $(GO) -C packaging/tools install tool
	@touch $@
