package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/enginetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("CENTRAL_DIR"); dir != "" {
		if err := beCentral(dir, os.Getenv("CENTRAL_ADDR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// central starts an Engine in a directory. Its address is a free port, or the address of an earlier
// central.
func central(t testing.TB, cfg Config) *Engine {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "collect")
	}
	if cfg.Listener == nil {
		cfg.Listener = listen(t, "127.0.0.1:0")
	}
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (e *Engine) addr() string { return e.cfg.Listener.Addr().String() }

func edge(t testing.TB, cfg SenderConfig) *Sender {
	t.Helper()
	s := NewSender(cfg)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func join(t testing.TB, e *Engine) link.Settings {
	t.Helper()
	s, err := e.Join(t.Context(), enginetest.Settings)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	t.Cleanup(cancel)
	return ctx
}

func TestEngine(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]Keys{
		"without a key": nil,
		"with keys":     func() ([][]byte, error) { return [][]byte{[]byte("newest"), []byte("older")}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := central(t, Config{Keys: keys})
			enginetest.Run(t, enginetest.Cluster{
				Owners: 1,
				Engine: func(testing.TB) link.Engine { return e },
				Sender: func(t testing.TB) link.Sender { return edge(t, SenderConfig{Address: e.addr(), Keys: keys}) },
			})
		})
	}
	t.Run("of the central itself", func(t *testing.T) {
		t.Parallel()
		e := central(t, Config{})
		enginetest.Run(t, enginetest.Cluster{
			Owners: 1,
			Engine: func(testing.TB) link.Engine { return e },
			Sender: func(testing.TB) link.Sender { return e.Sender() },
		})
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	e := central(t, Config{})
	join(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.Members().Run(ctx, func(p []int) {
		if len(p) != 4 || p[3] != 3 {
			t.Errorf("wanted are %v", p)
		}
		time.AfterFunc(time.Millisecond, cancel)
	}); err != nil {
		t.Error(err)
	}
}

// An edge sends nothing to another central at the same address. When its own central is back, it
// continues.
func TestOtherCentral(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "own")
	own := central(t, Config{Dir: dir})
	join(t, own)
	addr := own.addr()
	s := edge(t, SenderConfig{Address: addr, longest: 50 * time.Millisecond})
	must(t, s)
	closed := func(e *Engine) {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closed(own)
	other := central(t, Config{Listener: listen(t, addr)})
	join(t, other)
	for ctx := patience(t); ; {
		err := s.Send(ctx, link.Message{Data: []byte("x")})
		if err == nil || ctx.Err() != nil {
			t.Fatalf("another central: %v", err)
		}
		if errors.Is(err, errOther) {
			break
		}
	}
	if st, err := other.Partition(0).State(t.Context()); err != nil || st.Last > 0 {
		t.Errorf("the other central has %+v, %v", st, err)
	}
	closed(other)
	own = central(t, Config{Dir: dir, Listener: listen(t, addr)})
	join(t, own)
	must(t, s)
}
