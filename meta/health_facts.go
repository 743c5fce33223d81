package meta

import "time"

// Facts are a Tracker's input: the daemon's counts and gauges at one moment. Counts are since the
// start. A zero value causes no reason, except that a daemon needs a sink.
type Facts struct {
	Interval time.Duration // flush interval
	Flush    FlushFacts
	Intake   IntakeFacts
	Sinks    []SinkFacts // the configured ones, including recorders
	// Listeners are the listeners with figures of their own.
	Listeners []ListenerFacts
	// Untold lists the notifiers that did not accept their last message.
	Untold []Fault

	// The current faults of these parts; "" if there is none.
	PipesFault, StateFault string
	// ClusterUnknown is why the settings of the cluster are not known yet; "" if they are, or without a
	// cluster.
	ClusterUnknown string

	Cluster *ClusterFacts // nil without a cluster

	// NoDescriptor counts how often no file descriptor was free. DescriptorLimit is the maximum number
	// of descriptors.
	NoDescriptor    uint64
	DescriptorLimit int

	Draining bool // the daemon is stopping
	Drained  bool // an operator keeps new clients away
}

// Fault is a fault of a named part.
type Fault struct{ Name, Text string }

// FlushFacts describe the flush loop.
type FlushFacts struct {
	Count uint64
	Last  time.Time     // when the last flush ended; before the first, when the daemon started
	Took  time.Duration // the last one
	Late  uint64        // flushes that took longer than the interval
	// Repeated counts flushes with a time used before: the clock was set back, or an earlier daemon's
	// clock was ahead.
	Repeated uint64
}

// IntakeFacts describe intake as of the last flush.
type IntakeFacts struct {
	Datagrams, KernelDropped uint64 // received by the daemon, and dropped by the kernel before
	Lines                    uint64
	// Samples = Aggregated + Discarded + RefusedNames + RefusedMembers + RefusedMuted + DroppedByRule.
	Samples, Aggregated, Discarded uint64
	RefusedNames, RefusedMembers   uint64
	RefusedMuted, DroppedByRule    uint64
	CutRoom, CutMemory             uint64 // connections
	CutListener                    uint64 // connections, because of max= of their listener
	FewFiles                       bool   // few file descriptors: the limit on open files causes CutRoom
	MaxConnections                 int    // TCP
	Names, MaxNames                int
	MaxMembers                     int // maximum number of members of a set
}

// ListenerFacts describe one listener as of the last flush.
type ListenerFacts struct {
	Name    string
	Came    uint64 // datagrams and connections
	Refused uint64 // part of Came
	Why     string // the refusals since the start by reason: "denied 3, late 2"
	Lost    string // why its socket file cannot be made again; "" if it is there
}

// SinkFacts describe one sink.
type SinkFacts struct {
	Name     string
	Recorder bool   // a Recorder: it keeps names instead of sending points
	Forwards bool   // it sends rows to a cluster: all counts are rows, not points
	Full     string // for a Recorder: the limit that is reached when names are dropped

	Failing      bool // the last attempt failed and its points still wait
	FailingSince time.Time
	Error        string    // error of the last attempt
	Accepted     time.Time // when points were last accepted
	// Oldest is the time of the oldest flush that is not accepted, or zero.
	Oldest time.Time
	// Made + Recovered = Delivered + Queued + Spooled + all drops, in points.
	Made, Recovered, Delivered, Queued, Spooled uint64
	DroppedFull, DroppedDamaged                 uint64
	DroppedUnsendable, DroppedRefused           uint64
	DroppedRemoved                              uint64
	// Unconfirmed counts the consecutive attempts at which the receiver acknowledged all bytes and
	// then reset the connection.
	Unconfirmed int

	SpoolFault           string // why the spool cannot be used; "" if it can
	SpoolBytes, SpoolMax int64
}

// unit returns the unit of the sink's counts: points or rows.
func (s *SinkFacts) unit() string {
	if s.Forwards {
		return "row"
	}
	return "point"
}

// waiting returns the points that are undelivered and not given up.
func (s *SinkFacts) waiting() uint64 { return s.Queued + s.Spooled }

// dropped returns the points that were lost.
func (s *SinkFacts) dropped() uint64 {
	return s.DroppedFull + s.DroppedDamaged + s.DroppedUnsendable + s.DroppedRefused + s.DroppedRemoved
}

// ErrorText returns the text of an error, or "" for none.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
