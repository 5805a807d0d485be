# Every target is one line; what takes more lives in .ci/ and cmd/internal/.
# PKGS narrows test, race and bench (make test PKGS=./mesh/wire/...), FUZZTIME sets the time of one fuzz target or
# FUZZALL the seconds of all, SOAK how long that lasts, KILLS how often it kills a supernode.
PKGS     ?= ./...
FUZZTIME ?= 20s
SOAK     ?= 60m
KILLS    ?= 1000
export FUZZTIME FUZZALL

VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS   := -s -w $(if $(VERSION),-X main.version=$(VERSION))
# The control API speaks HTTP/1.1 only: without HTTP/2 the program is half a megabyte smaller.
TAGS      := nethttpomithttp2
# Functions at multiples of 16 bytes instead of 32, as on arm64, are 180 KB less; what waits for the network or for a person needs no inlining: 600 KB.
ALIGN     := $(if $(filter amd64,$(shell go env GOARCH)),-funcalign=16)
COLD      := $(patsubst %,-gcflags=%=-l,github.com/nats-io/... github.com/miekg/dns/... github.com/hashicorp/... charm.land/... github.com/charmbracelet/... \
             filippo.io/... net/http net/url crypto/x509 crypto/tls encoding/gob encoding/asn1 math/big regexp regexp/syntax go/doc/comment text/tabwriter \
             $(patsubst %,sottovoce/cmd/internal/%,cli commandline control daemon demo doctor tui tui/words))
# SQLite, translated from C, has no goroutine of its own; to watch its memory finds nothing, and takes a third of the time of a
# test of the store. The driver around it is watched.
RACE      := -race -gcflags='github.com/ncruces/go-sqlite3-wasm/...=-race=false'
export VERSION LDFLAGS TAGS COLD

.DEFAULT_GOAL := help
.PHONY: help run demo build test check race fuzz sim bench soak cluster cross deb pi

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: build  ## build the program and open the chat
	@exec bin/sottovoce

demo: build  ## build the program and watch a story: three people and a supernode, on no network
	@exec bin/sottovoce demo

build:  ## build bin/sottovoce, one static file; OUT names another
	@CGO_ENABLED=0 go build -trimpath -tags $(TAGS) $(COLD) -ldflags '$(LDFLAGS) $(ALIGN)' -o $(or $(OUT),bin/sottovoce) ./cmd/sottovoce

test:  ## run all tests; installs nftables and iproute2 when it can
	@.ci/need namespaces && go test -timeout 20m $(PKGS)

check:  ## format, vet, staticcheck, go.mod and the house rules
	@.ci/check

race:  ## run the tests under the race detector; installs a C compiler when it can
	@.ci/need cc namespaces && CGO_ENABLED=1 go test $(RACE) -timeout 30m $(PKGS)

fuzz:  ## run every fuzz target for FUZZTIME (default 20s)
	@.ci/fuzz

sim:  ## simulate SEEDS worlds (default 1000) from seed FIRST (default 1) on; a seed that fails is named
	@SEEDS=$(or $(SEEDS),1000) FIRST=$(or $(FIRST),1) go test -timeout 0 -count 1 -v -run '^TestSeeds$$' ./cmd/internal/sim

bench:  ## run all benchmarks and print the table of figures; BENCH_JSON=FILE writes it too
	@.ci/need namespaces && BENCH_JSON=$(abspath $(BENCH_JSON)) go test -timeout 30m -run '^$$' -bench . -benchmem $(PKGS)

soak:  ## keep three nodes and a supernode busy for SOAK (default 60m), which must stay flat; kill a supernode KILLS times (1000)
	@.ci/need namespaces && SOAK=$(SOAK) go test -timeout 0 -count 1 -v -run '^TestSoak$$' ./cmd/internal/bench
	@KILLS=$(KILLS) go test -timeout 0 -count 1 -v -run '^TestKilled$$' ./relay/supernode

cluster:  ## run three nats-servers on loopback for supernodes with --store; FOLDER keeps what they hold, PORT is the first
	@.ci/cluster $(FOLDER)

cross:  ## build for Linux (amd64, arm64, armv7, armv6), Windows and macOS into bin/cross
	@.ci/cross

deb:  ## build the Debian packages (arm64, armhf, amd64) into bin/deb; ARCHS narrows
	@.ci/deb

pi:  ## install, upgrade and remove the packages on emulated Raspberry Pis, which takes ten minutes each; MACHINES (arm64 armhf) narrows
	@.ci/need namespaces emulation && MACHINES='$(or $(MACHINES),arm64 armhf)' go test -timeout 0 -count 1 -v -run '^TestPackages$$' ./cmd/internal/deb
