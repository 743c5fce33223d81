package intake

import (
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/metric"
)

// Tally counts the data received in one interval.
type Tally struct {
	UDPPackets, UDPBytes     uint64
	TCPConnections, TCPBytes uint64
	TCPReads                 uint64 // number of reads from streams; a read counts only if it completed a line
	TCPCut                   [CutReasons]uint64
	Lines                    uint64
	Samples                  uint64 // number of samples in lines, good and bad
	Aggregated               uint64
	Events                   uint64
	TagsDropped              uint64
	TimestampsIgnored        uint64
	Batches, BadBatches      uint64
	Discarded                [metric.Reasons]uint64 // discarded samples, including samples refused by limits
	Listeners                []Counts               // indexed by the number of the listener
}

// Add adds the counts in o to t.
func (t *Tally) Add(o *Tally) {
	t.UDPPackets += o.UDPPackets
	t.UDPBytes += o.UDPBytes
	t.TCPConnections += o.TCPConnections
	t.TCPBytes += o.TCPBytes
	t.TCPReads += o.TCPReads
	for i, n := range o.TCPCut {
		t.TCPCut[i] += n
	}
	t.Lines += o.Lines
	t.Samples += o.Samples
	t.Aggregated += o.Aggregated
	t.Events += o.Events
	t.TagsDropped += o.TagsDropped
	t.TimestampsIgnored += o.TimestampsIgnored
	t.Batches += o.Batches
	t.BadBatches += o.BadBatches
	for i, n := range o.Discarded {
		t.Discarded[i] += n
	}
	for len(t.Listeners) < len(o.Listeners) {
		t.Listeners = append(t.Listeners, Counts{})
	}
	for i := range o.Listeners {
		t.Listeners[i].add(&o.Listeners[i])
	}
}

// RefusedSamples returns the number of good samples that were refused by limits or by an operator's
// mutes.
func (t *Tally) RefusedSamples() (n uint64) {
	for reason, count := range t.Discarded {
		if metric.Reason(reason).Refusal() {
			n += count
		}
	}
	return n
}

// DiscardedSamples returns the number of samples that were discarded because they are bad. It does not count the
// refused samples.
func (t *Tally) DiscardedSamples() (n uint64) {
	for reason, count := range t.Discarded {
		if !metric.Reason(reason).Refusal() {
			n += count
		}
	}
	return n
}

// CutReason is the reason why the daemon closed a connection.
type CutReason int

// The values of CutReason.
const (
	CutIdle       CutReason = iota // no line was begun or completed within --tcp-idle-timeout
	CutUnfinished                  // a line was begun, but not completed within --tcp-line-timeout
	CutFull                        // the limit --max-tcp-connections was reached, and a new connection came
	CutMemory                      // the unfinished lines of all connections took too much memory
	CutListener                    // the listener's own limit for connections was reached, and a new connection came
	CutReasons    = 5              // length of arrays indexed by CutReason
)

var cutNames = [CutReasons]string{"idle", "unfinished", "full", "memory", "listener"}

// String returns the name of the reason in metrics, for example idle.
func (r CutReason) String() string { return cutNames[r] }

// Counts counts the input of one listener.
type Counts struct {
	Datagrams, Connections uint64
	Bytes, Lines           uint64
	Bad                    uint64 // number of bad samples
	Refused                [listen.Refusals]uint64
}

func (c *Counts) add(o *Counts) {
	c.Datagrams += o.Datagrams
	c.Connections += o.Connections
	c.Bytes += o.Bytes
	c.Lines += o.Lines
	c.Bad += o.Bad
	for i, n := range o.Refused {
		c.Refused[i] += n
	}
}
