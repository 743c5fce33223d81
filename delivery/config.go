package delivery

import (
	"github.com/statsd-ops/statsd/internal/cputime"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/sink"

	"github.com/statsd-ops/statsd/metric"
)

// Config is the configuration for Open.
type Config struct {
	Spool
	Publish
	// CPU measures the CPU time of encoding and sending; nil measures nothing.
	CPU *cputime.Meter
	// Log receives the messages for operators.
	Log zerolog.Logger
}

// Spool configures the queues on disk for undelivered payloads. Changes need a restart. The struct
// tag of each field names the field's flag.
type Spool struct {
	// SpoolDir is the directory for payloads that sinks do not accept in time. Each sink has a
	// subdirectory. If SpoolDir is empty (the default), undelivered points wait only in memory, and
	// are lost when the process ends.
	SpoolDir string `flag:"--spool-dir"`
	// SpoolMaxBytes limits the spool of each sink, by default to 1 GiB. When the spool is full, the
	// oldest points are dropped and counted.
	SpoolMaxBytes int64 `flag:"--spool-max-bytes"`
	// SpoolFsync is the maximum time until a payload is synced to disk, by default 1 s. A crash of the machine loses at
	// most the payloads that were written during the last SpoolFsync.
	SpoolFsync time.Duration `flag:"--spool-fsync"`
}

// Publish configures the destinations of flushes. A reload can change these settings.
type Publish struct {
	// Sinks are the destinations of flushes. Without sinks, only the monitor shows the results.
	Sinks []Destination
	// QueueBytes limits the encoded bytes that wait for a sink in memory, by default to 64 MiB. When
	// the queue is full, the oldest payloads are dropped and counted.
	QueueBytes int
	// SpoolAfter is how long a send may take before the waiting payloads are moved to the spool, by
	// default 250 ms.
	SpoolAfter time.Duration
	// ReplayRate is the maximum number of points per second that are sent from the spool, by default
	// 50,000. If flushes make more than half as many points per second, the maximum is twice the rate
	// of the flushes.
	ReplayRate int
	// Grace is the maximum time for delivery after shutdown begins, or after a reload removes the
	// sink, by default 5 s.
	Grace time.Duration
}

// Destination receives flushes through a Sink or a Recorder.
type Destination struct {
	// Name identifies the destination in the daemon's own figures and in the log. It is also a part of the name of the
	// spool's directory.
	Name string
	// Address is shown in the log.
	Address string
	// Sink receives the encoded points or rows of each flush through a queue. It is a
	// sink.PointSink or a sink.RowSink.
	Sink sink.Sink
	// ExpBins is the maximum number of histogram bins that a RowSink wants in a Row's Timer. If it is
	// 0, Timer is nil.
	ExpBins int
	// Recorder receives the raw values of each name at each flush.
	Recorder sink.Recorder
	// Forwards means that the Sink gets only the batches given to Forward, and no flushes. If there is
	// a spool, every payload is stored in it before it is sent. So a crash of the process does not
	// lose payloads that the receiver has not accepted.
	Forwards bool
	// Format names the encoding of a Sink's payloads. Each format has its own spool, so that no
	// sink sends payloads of another format. "" is the line format.
	Format string
	// Config is the configuration of the Sink or Recorder. A reload keeps a destination if its name
	// and Config are unchanged.
	Config any
}

// unit returns the unit of the destination's payloads, for the log: points or rows.
func (d *Destination) unit() string {
	if d.Forwards {
		return "rows"
	}
	return "points"
}

// doing returns the verb for the destination in the log: serving, forwarding or publishing.
func (d *Destination) doing() string {
	switch {
	case d.Recorder != nil:
		return "serving"
	case d.Forwards:
		return "forwarding"
	}
	return "publishing"
}

// takesRows reports whether the destination's Sink encodes rows.
func (d *Destination) takesRows() bool {
	_, rows := d.Sink.(sink.RowSink)
	return rows
}

// Validate returns an error if a setting is not valid. The error names the flag of the setting.
func (p *Publish) Validate() error {
	switch {
	case p.QueueBytes < payloadBytes:
		return metric.FlagErrorf("--queue-max-bytes", p.QueueBytes, "must be at least %d", payloadBytes)
	case p.SpoolAfter < 0:
		return metric.FlagErrorf("--spool-after", p.SpoolAfter, "must be 0 or more")
	case p.ReplayRate < 1:
		return metric.FlagErrorf("--replay-rate", p.ReplayRate, "must be at least 1 point a second")
	case p.Grace < 0:
		return metric.FlagErrorf("--grace", p.Grace, "must be 0 or more")
	}
	return nil
}

// spoolName returns the directory name of the destination's spool. Each format has its own spool.
func (d *Destination) spoolName() string {
	if d.Format == "" {
		return d.Name
	}
	return d.Name + "." + d.Format
}
