package delivery

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/sink"

	"github.com/statsd-ops/statsd/metric"
)

// Config is what Open needs.
type Config struct {
	Spool
	Publish
	// Log gets what operators should know.
	Log zerolog.Logger
}

// Spool says where undelivered payloads wait on disk. Only a start can change it. A
// tag names the flag.
type Spool struct {
	// SpoolDir is a directory for what sinks could not take in time, with a
	// subdirectory for each. Without one (the default) undelivered points wait in memory
	// only, and are lost when the process ends.
	SpoolDir string `flag:"--spool-dir"`
	// SpoolMaxBytes bounds each sink's spool, 1 GiB. Beyond it the oldest points are dropped,
	// and counted.
	SpoolMaxBytes int64 `flag:"--spool-max-bytes"`
	// SpoolFsync is how long a payload may be in the kernel's memory only,
	// 1 s: what a crash of the machine can cost.
	SpoolFsync time.Duration `flag:"--spool-fsync"`
}

// Publish says where flushes go. A reload can change it.
type Publish struct {
	// Sinks are the places that flushes go to. Without any, flushes show in the monitor only.
	Sinks []Destination
	// QueueBytes is how many encoded bytes may wait for a sink in memory, 64 MiB. Beyond
	// it the oldest are dropped, and counted.
	QueueBytes int
	// SpoolAfter is how long a send may take before what waits goes to the
	// spool, 250 ms.
	SpoolAfter time.Duration
	// ReplayRate is how many points a second are sent from the spool at most, 50,000; or
	// twice as many as flushes make, if that is more.
	ReplayRate int
	// Grace is how long delivery may take after the end was asked for, and to a sink that a
	// reload has removed, 5 s.
	Grace time.Duration
}

// Destination is a place that flushes go to. It has a Sink or a Recorder.
type Destination struct {
	// Name names it in figures and logs, and its spool.
	Name string
	// Address says in logs where it is.
	Address string
	// Sink is sent the points of each flush, encoded, through a queue.
	Sink sink.Sink
	// Recorder is shown what each name collected.
	Recorder sink.Recorder
	// Format names the encoding of a Sink's payloads, which wait in the spool: payloads
	// of one format are not sent by a sink of another. Lines have an empty one.
	Format string
	// Config is what the Sink or Recorder was made from. Reload keeps one whose
	// name and Config stay the same.
	Config any
	// Settled, unless nil, is told how far the flushes of a Sink are settled, as a Unix time: no part of a flush
	// up to then waits in memory any more. All of it is delivered, in the spool,
	// or dropped and counted. It must not block.
	Settled func(flush int64)
}

// Validate reports what is wrong, and names the flag.
func (p *Publish) Validate() error {
	switch {
	case p.QueueBytes < payloadBytes:
		return metric.FlagErrorf("--queue-max-bytes", p.QueueBytes, "want at least %d", payloadBytes)
	case p.SpoolAfter < 0:
		return metric.FlagErrorf("--spool-after", p.SpoolAfter, "want 0 or more")
	case p.ReplayRate < 1:
		return metric.FlagErrorf("--replay-rate", p.ReplayRate, "want at least 1 point a second")
	case p.Grace < 0:
		return metric.FlagErrorf("--grace", p.Grace, "want 0 or more")
	}
	return nil
}

// spoolName is the directory of the destination's spool: each format has its own.
func (d *Destination) spoolName() string {
	if d.Format == "" {
		return d.Name
	}
	return d.Name + "." + d.Format
}
