package operator

import (
	"context"

	"github.com/statsd-ops/statsd/meta/question"
)

// cluster returns the cluster whose partitions this daemon owns.
func (d *Desk) cluster(context.Context, question.Arguments) (any, error) {
	if d.Cluster != nil {
		if c := d.Cluster(); c != nil {
			return *c, nil
		}
	}
	return nil, question.Errorf(question.NotFound, "", "this daemon owns no partitions of a cluster: ask one with --collect")
}
