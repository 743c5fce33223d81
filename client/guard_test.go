package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

// TestProgramsFunctionsFail sets Config.Dial to functions that fail, or that return a connection whose methods fail.
// The client must continue, and count and log the failures.
func TestProgramsFunctionsFail(t *testing.T) {
	type fault struct {
		dial func() (net.Conn, error)
		want string
	}
	nop := struct{ net.Conn }{} // each method of this connection panics
	var typed *net.TCPConn
	for name, f := range map[string]fault{
		"nothing":             {func() (net.Conn, error) { return nil, nil }, "returned no connection and no error"},
		"panic":               {func() (net.Conn, error) { panic("of the test") }, "Config.Dial panicked: of the test"},
		"panic with an error": {func() (net.Conn, error) { panic(io.EOF) }, "Config.Dial panicked: EOF"},
		"both":                {func() (net.Conn, error) { return typed, io.EOF }, "EOF"},
		"both, and a panic":   {func() (net.Conn, error) { return nop, io.EOF }, "EOF"},
		"typed nil":           {func() (net.Conn, error) { return typed, nil }, "SetWriteDeadline panicked: runtime error: invalid memory address"},
		"no methods":          {func() (net.Conn, error) { return nop, nil }, "the connection's SetWriteDeadline panicked: "},
		"write panics":        {func() (net.Conn, error) { return odd{nop, func([]byte) (int, error) { panic("of the test") }}, nil }, "Write panicked: of the test"},
		"too much written":    {func() (net.Conn, error) { return odd{nop, func(b []byte) (int, error) { return len(b) + 1, nil }}, nil }, "returned n=7 for a buffer of 6 bytes"},
		"less than nothing":   {func() (net.Conn, error) { return odd{nop, func([]byte) (int, error) { return -1, nil }}, nil }, "returned n=-1 for a buffer of 6 bytes"},
		"nil error with a type": {func() (net.Conn, error) {
			return odd{nop, func([]byte) (int, error) { var err *net.OpError; return 0, err }}, nil
		}, "<nil>"},
		"short, no error": {func() (net.Conn, error) { return odd{nop, func([]byte) (int, error) { return 3, nil }}, nil }, "short write"},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := clienttest.New(t, client.Config{})
			var fails atomic.Bool
			fails.Store(true)
			var log lines
			c := open(t, client.New, client.Config{Log: log.add, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if fails.Load() {
					return f.dial()
				}
				return rec.Dial(ctx, network, address)
			}})
			c.Incr("a")
			time.Sleep(time.Minute)
			s := c.Stats()
			if s.Failures == 0 || s.Failures > 100 || s.LastError == nil || !log.contains(f.want) {
				t.Errorf("%s: %+v, logged\n%s", name, s, log.text())
			}
			fails.Store(false)
			if err := c.Close(t.Context()); err != nil || rec.Count("a") != 1 {
				t.Errorf("%s: %v, sent %q", name, err, rec.Lines())
			}
		})
	}
}

// odd is a connection with a type that the test defines.
type odd struct {
	net.Conn
	write func(b []byte) (int, error)
}

// silent returns a connection that stays open: its Read blocks.
func silent(write func([]byte) (int, error)) net.Conn {
	conn, _ := new(clienttest.Recorder).Dial(context.Background(), "", "") // Dial of a Recorder never fails
	return odd{conn, write}
}

func (o odd) Write(b []byte) (int, error)      { return o.write(b) }
func (o odd) SetWriteDeadline(time.Time) error { return nil }

// TestProgramsFunctionsHang sets Config.Log and Config.Dial to functions that never return, panic, or end their
// goroutine. These functions must delay Close by at most a second, and the error of Close must name the function.
func TestProgramsFunctionsHang(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  func(forever chan struct{}) client.Config
		want string
	}{
		"Log": {func(forever chan struct{}) client.Config {
			return client.Config{Log: func(string) { <-forever }}
		}, "Config.Log or Logger has not returned after 1s"},
		"Log panics": {func(chan struct{}) client.Config {
			return client.Config{Log: func(string) { panic("of the test") }}
		}, "Config.Log or Logger panicked: of the test"},
		"Log exits": {func(chan struct{}) client.Config {
			return client.Config{Log: func(string) { runtime.Goexit() }}
		}, "Config.Log or Logger ended the goroutine that called it (runtime.Goexit)"},
		"Write exits": {func(chan struct{}) client.Config {
			return client.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
				return silent(func([]byte) (int, error) { runtime.Goexit(); return 0, nil }), nil
			}}
		}, "a method of the connection ended the goroutine that called it (runtime.Goexit)"},
		"Dial": {func(forever chan struct{}) client.Config {
			return client.Config{Dial: func(context.Context, string, string) (net.Conn, error) { <-forever; return nil, nil }}
		}, "dropped (queue full 0, too long 0, invalid 1, unsent 1, after close 0)"},
		"Write": {func(forever chan struct{}) client.Config {
			return client.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
				return silent(func([]byte) (int, error) { <-forever; return 0, nil }), nil
			}}
		}, "has not returned from Write or Close after 1s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			forever := make(chan struct{})
			defer close(forever)
			cfg := test.cfg(forever)
			if cfg.Dial == nil {
				cfg.Dial = clienttest.New(t, client.Config{}).Dial
			}
			c := open(t, client.New, cfg)
			start := time.Now()
			c.Incr("a")
			c.Incr("")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var dropped *client.DroppedError
			err := c.Close(ctx)
			if !errors.As(err, &dropped) || dropped.Samples.Invalid != 1 || strings.Count(err.Error(), test.want) != 1 ||
				strings.Count(err.Error(), "statsd client: ") != 1 {
				t.Errorf("%s: Close: %v, want the sample without a name and once %s", name, err, test.want)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%s: Close took %v", name, took)
			}
			if s := c.Stats(); strings.HasPrefix(name, "Log") && s.LogLost == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestDialHangs uses a Dial function that ignores its context. The client must not call Dial again
// while a call runs, and must use the connection that this call returns.
func TestDialHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := clienttest.New(t, client.Config{})
		var dials atomic.Int32
		var log lines
		c := open(t, client.New, client.Config{Log: log.add, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			time.Sleep(time.Hour)
			return rec.Dial(ctx, network, address)
		}})
		c.Incr("a")
		if err := c.Flush(t.Context()); err != nil || dials.Load() != 1 || rec.Count("a") != 1 {
			t.Errorf("%d dials, %v", dials.Load(), err)
		}
		if !log.contains("Config.Dial has not returned after 6s") {
			t.Errorf("logged\n%s", log.text())
		}
	})
}

// lines collects the lines that are passed to Config.Log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) Write(b []byte) (int, error) {
	l.add(string(b))
	return len(b), nil
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

func (l *lines) contains(text string) bool { return strings.Contains(l.text(), text) }
