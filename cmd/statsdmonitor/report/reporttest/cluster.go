package reporttest

import (
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// Cluster returns the state of a cluster as an owner knows it. One partition has no owner, and one
// edge daemon is silent.
func Cluster() question.Cluster {
	head := before(4 * time.Second)
	of := func(p question.ClusterPartition) question.ClusterPartition {
		p.Epoch, p.Head, p.HeadAge, p.Edges = before(3*time.Hour), head, 4, 2
		p.MaxBytes = 4 << 30
		p.Bytes = int64(p.Full * float64(p.MaxBytes))
		return p
	}
	c := question.Cluster{
		Interval: 10, Collects: true, Address: "nats://n1,n2,n3", ID: "owner-a",
		Partitions: []question.ClusterPartition{
			of(question.ClusterPartition{Partition: 0, Owner: "owner-a", Here: true, Stored: 60_000, Merged: 59_990, Duplicates: 10, Corrected: 7, Full: 0.02}),
			of(question.ClusterPartition{Partition: 1, Owner: "owner-b.rack-7.datacentre-frankfurt.example.com", Stored: 60_000, Lag: 2, Held: 1, Merged: 59_990, Duplicates: 3, Late: 4, Fenced: 2, Missing: 3, Full: 0.014}),
			of(question.ClusterPartition{Partition: 2, Owner: "owner-c", Unowned: true, Stored: 60_000, Merged: 59_000, Lag: 1_000, Full: 0.83}),
			{Partition: 3, Fault: "look at the inbox: no answer"},
		},
		Edges: []question.ClusterEdge{
			{Edge: "web1", Epoch: before(72 * time.Hour), Number: 25_920, Complete: 25_920, Samples: 4_120_331, Heard: before(3 * time.Second), Ahead: -0.02},
			{Edge: "web2.rack-7.datacentre-frankfurt.example.com", Epoch: before(8 * time.Hour), Number: 2_880, Complete: 2_879, Samples: 120_331, Heard: before(3 * time.Second), Ahead: 3.5},
			{Edge: "web3", Epoch: before(72 * time.Hour), Number: 19_000, Complete: 19_000, Samples: 900_000, Heard: before(20 * time.Minute), Silent: true, Ahead: -1.25},
		},
		Ledger: question.ClusterLedger{
			Stored: 180_000, Merged: 178_980, Duplicates: 13, Late: 4, Held: 1, Lag: 1_002, Missing: 3, Rows: 90_412_000, Samples: 5_140_500, Lost: 162,
		},
	}
	return c
}

// Forward returns what an edge daemon reports while its cluster is down.
func Forward() question.ClusterForward {
	return question.ClusterForward{
		Address: "nats://n1,n2,n3", Edge: "web1", Sink: "forward", Partitions: 16, Horizon: 7200, Tags: "off",
		State: "FAILING", FailingSince: before(5 * time.Minute), Error: "send to the cluster: no server answers", Accepted: before(5 * time.Minute), Behind: 310,
		Epoch: before(72 * time.Hour), Number: 25_920, Samples: 4_120_331, Made: 90_412_000, Recovered: 1_000, Acknowledged: 90_102_000, Queued: 1_000, Spooled: 309_500, Dropped: 500,
		Reasons: map[string]uint64{"full": 490, "refused": 10}, SpoolBytes: 12_600_000, SpoolMax: 1 << 30,
	}
}

// Edge returns the state of the cluster as an edge daemon knows it.
func Edge() question.Cluster {
	return question.Cluster{Interval: 10, Forwards: true, Forward: Forward()}
}

// WaitingEdge returns the state of an edge daemon that has not received the settings of its cluster yet.
func WaitingEdge() question.Cluster {
	return question.Cluster{Interval: 10, Forwards: true, Forward: question.ClusterForward{
		Address: "statsd://central:8127", Edge: "web1", Sink: "forward", State: "waiting", Epoch: before(time.Minute), Waits: "cannot get the settings of the cluster: connection refused",
	}}
}

// Central returns the state of a cluster with a single daemon. The daemon owns all partitions and forwards to itself.
func Central() question.Cluster {
	f := Forward()
	f.Address, f.Edge, f.State, f.Error, f.Part = "statsd://:8127", "central", "ok", "", true
	f.Acknowledged, f.Spooled, f.Queued, f.Dropped, f.Reasons, f.Partitions = 90_413_000, 0, 0, 0, nil, 4
	return question.Cluster{
		Interval: 10, Collects: true, Address: "statsd://:8127", ID: "central",
		Partitions: []question.ClusterPartition{{Partition: 0, Owner: "central", Here: true, Epoch: before(time.Hour), Head: before(4 * time.Second), HeadAge: 4, Edges: 1, Stored: 12, Merged: 12}},
		Ledger:     question.ClusterLedger{Stored: 12, Merged: 12, Samples: 77},
		Refused:    12, Evicted: 1,
		Forwards: true, Forward: f,
	}
}

// Ending returns the state of an owner whose cluster has been replaced by another cluster.
func Ending() question.Cluster {
	c := Central()
	at := before(5 * time.Minute)
	c.Until, c.Forward.Until = at, at
	c.Partitions[0].Over, c.Partitions[0].HandedOver = true, true
	next := c.Forward
	next.Address, next.Sink, next.After, next.Until, next.Partitions = "statsd://central:8227", "forward-1795251560", at, time.Time{}, 8
	c.Next = &next
	return c
}
