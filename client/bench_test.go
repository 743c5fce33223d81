package client

import (
	"context"
	"net"
	"testing"
	"time"
)

// away is a client whose server never answers, so that a benchmark measures
// nothing but the call.
func away(b *testing.B, cfg Config) *Client {
	cfg.DropOldest = true
	cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx)
	})
	return c
}

func BenchmarkCall(b *testing.B) {
	for _, row := range []struct {
		name string
		cfg  Config
		call func(c *Client) func()
	}{
		{"Incr", Config{}, func(c *Client) func() { return func() { c.Incr("my.request.counter") } }},
		{"Incr prefix", Config{Prefix: "app.web"}, func(c *Client) func() { return func() { c.Incr("my.request.counter") } }},
		{"Incr tags", Config{}, func(c *Client) func() { return func() { c.Incr("my.request.counter", "a:b", "c:d") } }},
		{"Incr sampled", Config{}, func(c *Client) func() { return func() { c.Sampled(0.5).Incr("my.request.counter") } }},
		{"Gauge", Config{}, func(c *Client) func() { return func() { c.Gauge("my.request.gauge", 12.25) } }},
		{"Timing", Config{}, func(c *Client) func() { return func() { c.Timing("my.request.time", 15*time.Millisecond) } }},
		{"Counter handle", Config{}, func(c *Client) func() { h := c.Counter("my.request.counter"); return h.Incr }},
		{"merged Incr", Config{Aggregate: time.Second}, func(c *Client) func() { return func() { c.Incr("my.request.counter") } }},
		{"merged Incr tags", Config{Aggregate: time.Second}, func(c *Client) func() { return func() { c.Incr("my.request.counter", "a:b", "c:d") } }},
		{"merged Timing", Config{Aggregate: time.Second}, func(c *Client) func() { return func() { c.Timing("my.request.time", 15*time.Millisecond) } }},
		{"merged handle", Config{Aggregate: time.Second}, func(c *Client) func() { h := c.Counter("my.request.counter"); return h.Incr }},
	} {
		b.Run(row.name, func(b *testing.B) {
			call := row.call(away(b, row.cfg))
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
