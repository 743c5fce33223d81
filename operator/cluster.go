package operator

import (
	"context"

	"github.com/statsd-ops/statsd/meta/question"
)

// cluster returns the cluster whose partitions this daemon owns. It is empty if there is none.
func (d *Desk) cluster(context.Context, question.Arguments) (any, error) {
	if d.Cluster != nil {
		if c := d.Cluster(); c != nil {
			return *c, nil
		}
	}
	return question.Cluster{Partitions: []question.ClusterPartition{}, Edges: []question.ClusterEdge{}}, nil
}
