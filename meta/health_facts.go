package meta

import "time"

// Facts are the input of a Tracker: the daemon's counts and gauges at a moment. Counts are since
// the start. A zero value causes no reason, with one exception: a daemon without sinks has the
// reason no_sink.
type Facts struct {
	Interval time.Duration // flush interval
	Flush    FlushFacts
	Intake   IntakeFacts
	Sinks    []SinkFacts // the configured sinks, including recorders
	// Listeners are the listeners that have their own figures.
	Listeners []ListenerFacts
	// Untold lists the notifiers that did not accept their last message, with the errors.
	Untold []Fault

	// PipesFault and StateFault are the current errors of reading stat pipes and of saving the state
	// file, or "".
	PipesFault, StateFault string
	// ConfigDiffers says how the configuration file differs from the running settings. It is "" if they are the same.
	ConfigDiffers string
	// ClusterUnknown is the reason why the settings of the cluster are not known yet. It is "" if they are known, or if
	// there is no cluster.
	ClusterUnknown string

	Cluster *ClusterFacts // nil if there is no cluster

	// NoDescriptor counts how often a file descriptor was needed and none was free. DescriptorLimit is
	// the maximum number of descriptors.
	NoDescriptor    uint64
	DescriptorLimit int

	Draining bool // the daemon is ending
	Drained  bool // an operator has drained the daemon: new clients should connect to other daemons
}

// Fault is an error of a part of the daemon, and the name of that part.
type Fault struct{ Name, Text string }

// FlushFacts are the facts about the flush loop.
type FlushFacts struct {
	Count uint64
	Last  time.Time     // end of the last flush; before the first flush, the start of the daemon
	Took  time.Duration // duration of the last flush
	Late  uint64        // number of flushes that took longer than the interval
	// Repeated is the number of flushes whose timestamp was used before, because the clock was set
	// back or was ahead in an earlier run.
	Repeated uint64
}

// IntakeFacts are the facts about intake up to the last flush.
type IntakeFacts struct {
	Datagrams, KernelDropped uint64 // datagrams that the daemon received, and datagrams that the kernel dropped
	Lines                    uint64
	// This always holds: Samples = Aggregated + Discarded + RefusedNames + RefusedMembers +
	// RefusedMuted + DroppedByRule.
	Samples, Aggregated, Discarded uint64
	RefusedNames, RefusedMembers   uint64
	RefusedMuted, DroppedByRule    uint64
	CutRoom, CutMemory             uint64 // connections closed to make room for others, and connections closed because unfinished lines needed too much memory
	CutListener                    uint64 // connections closed because of max= of their listener
	FewFiles                       bool   // the limit on open files allows fewer connections than --max-tcp-connections
	MaxConnections                 int    // maximum number of TCP connections
	Names, MaxNames                int
	MaxMembers                     int // maximum number of members of a set
}

// ListenerFacts are the facts about a listener up to the last flush.
type ListenerFacts struct {
	Name    string
	Came    uint64 // number of datagrams and connections
	Refused uint64 // number of datagrams and connections that were refused
	Why     string // refusals by reason since the start, such as "denied 3, late 2"
	Lost    string // why the removed socket file cannot be created again; "" if it exists
}

// SinkFacts are the facts about a sink.
type SinkFacts struct {
	Name     string
	Recorder bool   // the sink is a Recorder: it stores names instead of sending points
	Forwards bool   // the sink forwards rows to a cluster: its counts are rows, not points
	Removed  bool   // a reload has removed the sink; only its ledger and its dropped points still count
	Full     string // why a Recorder drops new names, such as "the history is full: see max-bytes of the sink"

	Failing      bool // the last attempt failed, and its points still wait
	FailingSince time.Time
	Error        string    // error of the last attempt
	Accepted     time.Time // when the sink last accepted points
	// Oldest is the time of the oldest flush that the sink has not accepted. It is zero if there is
	// none.
	Oldest time.Time
	// These counts are in points. Made + Recovered = Delivered + Queued + Spooled + all dropped
	// points.
	Made, Recovered, Delivered, Queued, Spooled uint64
	DroppedFull, DroppedDamaged                 uint64
	DroppedUnsendable, DroppedRefused           uint64
	DroppedRemoved                              uint64
	// Unconfirmed is the number of consecutive attempts in which the receiver acknowledged all bytes
	// and then reset the connection.
	Unconfirmed int

	SpoolFault           string // why the spool cannot be used; "" if it works
	SpoolBytes, SpoolMax int64
}

// unit returns the unit of the sink's counts: point or row.
func (s *SinkFacts) unit() string {
	if s.Forwards {
		return "row"
	}
	return "point"
}

// waiting returns the number of points that will be delivered later.
func (s *SinkFacts) waiting() uint64 { return s.Queued + s.Spooled }

// dropped returns the number of lost points.
func (s *SinkFacts) dropped() uint64 {
	return s.DroppedFull + s.DroppedDamaged + s.DroppedUnsendable + s.DroppedRefused + s.DroppedRemoved
}

// ErrorText returns the text of an error, or "" if err is nil.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
