package delivery

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/sink"
)

// State tells how a destination is doing.
type State struct {
	Name    string
	Removed bool // by a reload; kept for its counts
	// Recorder is the state of a Recorder; nil for a Sink. A Sink has everything else.
	Recorder *sink.State

	Ledger
	Attempts     Attempts
	Failing      bool // the last attempt failed, and its payload waits
	FailingSince time.Time
	LastError    error
	Unconfirmed  int       // attempts in a row that ended so: see sink.Unconfirmed
	Failed       time.Time // when an attempt failed last
	Published    time.Time // when a payload was last delivered
	Last         Sent      // of its flush, until then
	// Oldest is the time of the oldest flush that is not delivered, in Unix seconds: 0 if none
	// waits.
	Oldest int64

	// QueueBytes wait in memory, of MaxQueueBytes; SpoolBytes on disk, of MaxSpoolBytes.
	QueueBytes, MaxQueueBytes int
	SpoolBytes, MaxSpoolBytes int64 // 0 without a spool
	SpoolFault                error // what the disk said last; nil while it works, or without a spool
}

// Sent is what was sent of a flush.
type Sent struct {
	Flush int64         // Unix seconds
	Spent time.Duration // failed attempts included
	Bytes int
}

// Ledger counts units, which are points to a Sink, since the start:
//
//	Made + Recovered = Delivered + Queued + Spooled + Dropped
type Ledger struct {
	Made      uint64 // by flushes
	Recovered uint64 // found in the spool at the start
	Delivered uint64
	Queued    uint64 // in memory
	Spooled   uint64 // on disk
	Dropped   uint64 // the sum of Reasons
	Reasons   DropReasons
}

// Waiting returns the units that are undelivered, and not given up.
func (l *Ledger) Waiting() uint64 { return l.Queued + l.Spooled }

// DropReasons says why units were dropped.
type DropReasons struct {
	Full       uint64 // the oldest, when memory or the spool was full
	Damaged    uint64 // lost on disk
	Unsendable uint64 // the sink's format cannot carry them
	Refused    uint64 // the receiver will never take them: see sink.Refused
	Removed    uint64 // the sink was removed while they waited in memory
}

func (r *DropReasons) sum() uint64 {
	return r.Full + r.Damaged + r.Unsendable + r.Refused + r.Removed
}

// Attempts counts failed attempts to send, and the flushes that they were of.
type Attempts struct {
	Socket, Unknown, Flushes uint64
	lastFlush                int64
}

// failed counts an attempt to send a payload of a flush.
func (a *Attempts) failed(flush int64, err error) {
	if isSocketError(err) {
		a.Socket++
	} else {
		a.Unknown++
	}
	if flush != a.lastFlush {
		a.lastFlush = flush
		a.Flushes++
	}
}

// isSocketError reports whether an error of a sink comes from the network. All
// others count as unknown.
func isSocketError(err error) bool {
	var network net.Error
	var errno syscall.Errno
	return errors.As(err, &network) || errors.As(err, &errno) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed)
}
