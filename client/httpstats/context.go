package httpstats

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/client"
)

type contextKey struct{}

// NewContext returns a context that contains c. A [Handler] does the same for each request.
func NewContext(ctx context.Context, c *client.Client) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the client in ctx. If ctx has no client, it returns nil, which is a client that does
// nothing.
func FromContext(ctx context.Context) *client.Client {
	c, _ := ctx.Value(contextKey{}).(*client.Client)
	return c
}

// Timer starts to measure an operation in a request. Stop records its duration.
//
//	defer httpstats.Timer(ctx, "db.query").Stop()
func Timer(ctx context.Context, name string) client.Stopwatch {
	return FromContext(ctx).Stopwatch(name)
}

// Timing records the duration of an operation, with the client in ctx.
func Timing(ctx context.Context, name string, d time.Duration) {
	FromContext(ctx).Timing(name, d)
}

// Count adds n to a counter, with the client in ctx.
func Count(ctx context.Context, name string, n int64) {
	FromContext(ctx).Count(name, n)
}
