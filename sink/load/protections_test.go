package load

import (
	"context"
	"testing"

	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
)

func TestProtections(t *testing.T) {
	t.Parallel()
	s := newSink(t, Config{Addr: "127.0.0.1:0", Minutes: 1, MaxBytes: 1 << 20})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	httpgatetest.Check(t, s.Addr().String(), "/1")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
