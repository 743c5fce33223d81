package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/httpgate"
)

// A small heap may double between two garbage collections. A large heap may grow by only 5 %, because memory is
// scarce for a daemon with a million names. Frequent collections are cheap, because the heap contains few
// pointers. GOGC overrides these settings, and GOMEMLIMIT works as usual.
const (
	smallHeap        = 32 << 20
	smallHeapPercent = 100
	largeHeapPercent = 5
)

// tuneGC sets the garbage collector's target percentage for a small or a large heap, until ctx ends. It checks
// the size of the heap after each collection.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := smallHeapPercent
	collected := make(chan struct{}, 1)
	for {
		// A cleanup on an unreachable object signals the end of the next garbage collection.
		type garbage struct{ _ *garbage }
		runtime.AddCleanup(&garbage{}, func(to chan<- struct{}) { to <- struct{}{} }, collected)
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
		case <-collected:
		case <-ctx.Done():
			return
		}
	}
}

// profileTimeout is the time limit for a client to read a profile. The time for recording the profile is added to
// it.
const profileTimeout = time.Minute

// profiles serves profiles for "go tool pprof".
type profiles struct {
	*httpgate.Server
	stop func() // stops the server and waits until it has ended
}

// serveProfiles serves profiles under /debug/pprof/. If the address has no host, it listens only on the loopback
// interface.
func serveProfiles(address string, log zerolog.Logger) (*profiles, error) {
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s, err := httpgate.Listen(httpgate.Config{Addr: address, Handler: mux, AnswerTimeout: profileTimeout, Flag: "--pprof"})
	if err != nil {
		return nil, fmt.Errorf("--pprof %s: %w", address, err)
	}
	log.Info().Stringer("address", s.Addr()).Msg("serving profiles under /debug/pprof/")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx); err != nil {
			log.Error().Err(err).Msg("serving profiles failed")
		}
	}()
	return &profiles{s, func() { cancel(); <-ended }}, nil
}
