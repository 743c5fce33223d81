package cluster

import (
	"context"
	"testing"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/enginetest"
	"github.com/statsd-ops/statsd/link/nats"
)

func owner(t testing.TB, c *nodes.Cluster) *nats.Engine {
	t.Helper()
	e, err := nats.NewEngine(nats.Config{
		Servers: c.Servers(), NKey: nodes.Key("owner"), Replicas: len(c.Nodes), MaxBytes: 256 << 20,
		Tell: func(err error) { t.Log(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func edge(t testing.TB, c *nodes.Cluster) *nats.Sender {
	t.Helper()
	s, err := nats.NewSender(nats.Config{Servers: c.Servers(), NKey: nodes.Key("edge")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	t.Cleanup(cancel)
	return ctx
}

func TestEngine(t *testing.T) {
	for name, n := range map[string]int{"three nodes": 3, "one node": 1} {
		t.Run(name, func(t *testing.T) {
			c := nodes.Start(t, nodes.Options{Nodes: n})
			enginetest.Run(t, enginetest.Cluster{
				Owners: 3,
				Engine: func(t testing.TB) link.Engine { return owner(t, c) },
				Sender: func(t testing.TB) link.Sender { return edge(t, c) },
			})
			if t.Failed() {
				t.Log(c.Nodes[0].Log())
			}
		})
	}
}
