package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/bind"
)

// The heap may double between two collections while it is small, and grow by a tenth once it
// is large. It has few pointers, so that collecting is cheap, while a daemon with a
// million names needs the memory. GOGC wins over this; GOMEMLIMIT still applies.
const (
	smallHeap        = 32 << 20
	smallHeapPercent = 100
	largeHeapPercent = 10
	gcLook           = 5 * time.Second
)

// tuneGC adapts the collector to the heap until ctx ends.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := smallHeapPercent
	ticker := time.NewTicker(gcLook)
	defer ticker.Stop()
	for {
		metrics.Read(live)
		want := smallHeapPercent
		if live[0].Value.Uint64() > smallHeap {
			want = largeHeapPercent
		}
		if want != percent {
			debug.SetGCPercent(want)
			percent = want
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// serveProfiles serves profiles for go tool pprof, under /debug/pprof/.
func serveProfiles(address string, log zerolog.Logger) (*http.Server, error) {
	listener, err := bind.TCP(address)
	if err != nil {
		return nil, fmt.Errorf("--pprof %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	log.Info().Stringer("address", listener.Addr()).Msg("serving profiles under /debug/pprof/")
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("serving profiles ended")
		}
	}()
	return s, nil
}
