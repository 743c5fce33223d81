package operator

import (
	"context"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// cluster describes the cluster of this daemon. If the daemon is in no cluster, the answer says
// that it neither collects nor forwards.
func (d *Desk) cluster(context.Context, question.Arguments) (any, error) {
	c := d.inCluster()
	if c == nil {
		return question.Cluster{Interval: d.Interval.Seconds()}, nil
	}
	for _, f := range c.Forwarding() {
		if f.State == "ok" && isOpen(d.Daemon.Health(), meta.SinkBehind, f.Sink) {
			f.State = "behind"
		}
	}
	return *c, nil
}

func (d *Desk) inCluster() *question.Cluster {
	if d.Cluster == nil {
		return nil
	}
	return d.Cluster()
}
