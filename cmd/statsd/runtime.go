package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/httpgate"
)

// The heap may double between two collections while it is small, and grow by
// a tenth once it is large. There is next to nothing in it that holds
// pointers, so that collecting costs little then, and memory is what a daemon with a
// million names is short of. GOGC wins over this; GOMEMLIMIT is respected as
// ever.
const (
	smallHeap        = 32 << 20
	smallHeapPercent = 100
	largeHeapPercent = 10
	gcLook           = 5 * time.Second
)

// tuneGC chooses between the two until ctx ends.
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

// profileTimeout is how long a client may take to read a profile, besides the time that making
// it takes.
const profileTimeout = time.Minute

// profiles serves what go tool pprof reads.
type profiles struct {
	*httpgate.Server
	stop func() // ends serving, and waits for the end
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
			log.Error().Err(err).Msg("serving profiles ended")
		}
	}()
	return &profiles{s, func() { cancel(); <-ended }}, nil
}
