// Package clienttest records what a statsd client sends. It is for tests of programs that use package client, and needs
// neither a server nor a network.
//
//	rec := clienttest.New(t, client.Config{Prefix: "shop"})
//	checkout(rec.Client)
//	if n := rec.Count("shop.orders"); n != 1 {
//		t.Errorf("%v orders were counted, want 1", n)
//	}
package clienttest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Recorder records what Client sends. It is safe for concurrent use.
type Recorder struct {
	// Client is a client that sends to the recorder. It is closed when the test ends.
	Client *client.Client

	t       testing.TB
	mu      sync.Mutex
	packets []string
}

// New returns a recorder with a client for cfg. It sets cfg.Dial. If cfg is invalid, it fails the test. The test
// does not fail if the client drops samples, such as a gauge that is NaN: see [client.Stats].
func New(t testing.TB, cfg client.Config) *Recorder {
	t.Helper()
	r := &Recorder{t: t}
	cfg.Dial = r.Dial
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Client = c
	t.Cleanup(func() { r.wait("close", c.Close) })
	return r
}

// Dial can be used as Config.Dial for clients that the code under test creates itself. The recorder does not
// flush these clients. It records only lines that they have sent on their own.
func (r *Recorder) Dial(context.Context, string, string) (net.Conn, error) {
	return &conn{recorder: r, closed: make(chan struct{})}, nil
}

// wait calls Flush or Close. They return quickly, because there is no network.
func (r *Recorder) wait(what string, call func(context.Context) error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var dropped *client.DroppedError
	if err := call(ctx); err != nil && !(errors.As(err, &dropped) && dropped.Cause == nil) {
		r.t.Errorf("clienttest: %s: %v", what, err)
	}
}

// Packets flushes Client. It returns one string for each datagram, or for each write to a stream.
func (r *Recorder) Packets() []string {
	r.t.Helper()
	r.wait("flush", r.Client.Flush)
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.packets)
}

// Lines flushes Client, and returns all lines that were sent, in order.
func (r *Recorder) Lines() []string {
	r.t.Helper()
	var lines []string
	for _, p := range r.Packets() {
		lines = append(lines, strings.Split(strings.TrimSuffix(p, "\n"), "\n")...)
	}
	return lines
}

// Samples flushes Client, and returns all samples that were sent, in order. If a line is invalid, it fails the
// test.
func (r *Recorder) Samples() []Sample {
	r.t.Helper()
	var all []Sample
	for _, line := range r.Lines() {
		samples, err := Parse(line)
		if err != nil {
			r.t.Errorf("clienttest: %v", err)
		}
		all = append(all, samples...)
	}
	return all
}

// Reset removes everything that was recorded so far.
func (r *Recorder) Reset() {
	r.t.Helper()
	r.wait("flush", r.Client.Flush)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets = nil
}

// conn is a connection to a Recorder.
type conn struct {
	recorder *Recorder
	once     sync.Once
	closed   chan struct{}
}

func (c *conn) Write(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.recorder.packets = append(c.recorder.packets, string(b))
	return len(b), nil
}

// Read blocks until the connection is closed, because a statsd server never sends data.
func (c *conn) Read([]byte) (int, error) {
	<-c.closed
	return 0, net.ErrClosed
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *conn) LocalAddr() net.Addr              { return addr{} }
func (c *conn) RemoteAddr() net.Addr             { return addr{} }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

type addr struct{}

func (addr) Network() string { return "clienttest" }
func (addr) String() string  { return "recorder" }
