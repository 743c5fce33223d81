package operator

import (
	"context"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// cluster returns the cluster that this daemon is in.
func (d *Desk) cluster(context.Context, question.Arguments) (any, error) {
	c := d.inCluster()
	if c == nil {
		return nil, &question.Error{
			Code: question.NotFound, Text: "this daemon is in no cluster: it has neither --collect nor --forward",
			Next: "ask an owner or an edge: statsdmonitor --at HOST cluster",
		}
	}
	if f := &c.Forward; c.Forwards && f.State == "ok" && fallsBehind(d.Daemon.Health(), meta.ForwardName) {
		f.State = "behind"
	}
	return *c, nil
}

func (d *Desk) inCluster() *question.Cluster {
	if d.Cluster == nil {
		return nil
	}
	return d.Cluster()
}
