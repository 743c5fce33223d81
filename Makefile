# make        builds the commands into bin/
# make test   is the whole check, and what CI runs; see CONTRIBUTING.md

GO ?= go
# Modules of their own, so that what they require stays out of the daemon's go.mod.
NESTED := $(filter-out tools/,$(dir $(wildcard */go.mod */*/go.mod)))

# For a closer look, such as make test TESTFLAGS='-v -run Carbon'.
TESTFLAGS ?=
# How long each soak test goes on.
SOAK ?= 20m

.PHONY: build test check fmt-check vet lint tidy-check soak bench fmt install-counterparts clean

# Static, so that a binary runs wherever it is copied to. -buildvcs stamps the tag and the
# commit for --version, also where GOFLAGS turns that off.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/ ./cmd/...

# The tests of the module itself run last, so that their lines end the output. The
# race detector needs a C compiler.
test: check
	@if sh scripts/counterparts; then export COUNTERPARTS=required; fi; set -e; \
	race=-race; [ "$$($(GO) env CGO_ENABLED)" = 1 ] || race=; \
	for module in $(NESTED) ./; do \
		echo "$(GO) test $$race $(TESTFLAGS) ./...  in $$module"; \
		$(GO) -C $$module test $$race $(TESTFLAGS) ./...; \
	done

check: fmt-check vet lint tidy-check

fmt-check:
	@unformatted=$$(gofmt -l */); [ -z "$$unformatted" ] || \
		{ echo "not formatted, make fmt mends it:" $$unformatted >&2; exit 1; }

vet:
	@set -e; for module in $(NESTED) ./; do $(GO) -C $$module vet ./...; done

lint: bin/golangci-lint
	@set -e; for module in $(NESTED) ./; do \
		(cd $$module && $(CURDIR)/bin/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...); \
	done

tidy-check:
	@set -e; for module in $(NESTED) ./; do $(GO) -C $$module mod tidy -diff; done

# A soak test is an ordinary test that goes on for $SOAK, or through its full size, instead of a moment.
# What they measure ends the output, and with README=README.md takes the place of the table there.
soak:
	@SOAK=$(SOAK) GO=$(GO) sh scripts/soak ./...

# The Go benchmarks print what benchstat reads; then whole daemons are compared,
# and bench/RESULTS.md is written.
bench: build
	-@sh scripts/counterparts collectd-core
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./bench -results bench/RESULTS.md

fmt:
	gofmt -w */

install-counterparts:
	@sh scripts/counterparts

clean:
	rm -rf bin

bin/golangci-lint: tools/go.mod tools/go.sum
	GOBIN=$(CURDIR)/bin $(GO) -C tools install tool
	@touch $@
