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

// The heap may double between two collections while it is small, and grow by a twentieth once it is
// large. It holds few pointers, so collecting is cheap then, and memory is scarce for a daemon with
// a million names. GOGC overrides this; GOMEMLIMIT works as usual.
const (
	smallHeap        = 32 << 20
	smallHeapPercent = 100
	largeHeapPercent = 5
)

// tuneGC switches between these two settings until ctx ends. It looks after each collection.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := smallHeapPercent
	collected := make(chan struct{}, 1)
	for {
		// The collection frees the garbage, and the cleanup runs.
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

// profileTimeout limits the time for a client to read a profile, in addition to the time for making
// it.
const profileTimeout = time.Minute

// profiles serves the profiles for go tool pprof.
type profiles struct {
	*httpgate.Server
	stop func() // stops serving and waits
}

// serveProfiles serves profiles under /debug/pprof/. Without a host it serves this machine alone.
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
