package delivery

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/sink"
)

// State is the state of a destination.
type State struct {
	Name    string
	Address string
	Removed bool // removed by a reload, but its counts remain
	// Forwards says that the destination's units are rows: see Destination.Forwards.
	Forwards bool
	// Recorder is the state of a Recorder, nil for a Sink. The other fields describe a Sink.
	Recorder *sink.State

	Ledger
	Attempts     Attempts
	Failing      bool // the last attempt failed and its payload still waits
	FailingSince time.Time
	LastError    error
	Unconfirmed  int       // number of consecutive attempts that ended with sink.Unconfirmed
	Failed       time.Time // when an attempt last failed
	Tries        uint64    // failed attempts since the last success
	NextTry      time.Time // when the next attempt begins, while Failing
	Published    time.Time // when a payload was last delivered
	Last         Sent      // the part of its flush delivered so far
	// Oldest is the time of the oldest undelivered flush in Unix seconds, or 0.
	Oldest int64

	// QueueBytes is the size of the queue in memory, and SpoolBytes of the spool on disk. The Max fields are their
	// limits.
	QueueBytes, MaxQueueBytes int
	SpoolBytes, MaxSpoolBytes int64 // 0 without a spool
	SpoolFault                error // the last error of the disk, nil while it works or without a spool
}

// Figures returns the prefix of the destination's figures, and the prefix of the figures of its ledger.
func (s *State) Figures() (all, ledger string) {
	if s.Forwards {
		return "forward.", "forward.rows."
	}
	return "sink." + s.Name + ".", "sink." + s.Name + ".points."
}

// OneForward returns the states with one sum of all destinations that forward. They share their figures.
func OneForward(all []State) (states []State) {
	forward := -1
	for i := range all {
		switch st := &all[i]; {
		case !st.Forwards || forward < 0:
			if states = append(states, *st); st.Forwards {
				forward = len(states) - 1
			}
		default:
			states[forward].add(st)
		}
	}
	return states
}

// add adds the state of another destination, as far as there are figures of it.
func (s *State) add(o *State) {
	s.Ledger.add(&o.Ledger)
	s.Attempts.Socket += o.Attempts.Socket
	s.Attempts.Unknown += o.Attempts.Unknown
	s.Attempts.Flushes += o.Attempts.Flushes
	s.QueueBytes += o.QueueBytes
	s.Removed = s.Removed && o.Removed
	s.Failing = s.Failing || o.Failing
	if s.Oldest == 0 || o.Oldest != 0 && o.Oldest < s.Oldest {
		s.Oldest = o.Oldest
	}
	if o.Published.After(s.Published) {
		s.Published, s.Last = o.Published, o.Last
	}
	if o.Failed.After(s.Failed) {
		s.Failed = o.Failed
	}
}

// Sent describes the delivered part of a flush.
type Sent struct {
	Flush int64         // Unix seconds
	Spent time.Duration // includes failed attempts
	Bytes int
}

// Ledger counts units, which are points to a Sink, since the start:
//
//	Made + Recovered = Delivered + Queued + Spooled + Dropped
type Ledger struct {
	Made      uint64 // from flushes
	Recovered uint64 // found in the spool at the start
	Delivered uint64
	Queued    uint64 // in memory
	Spooled   uint64 // on disk
	Dropped   uint64 // the sum of Reasons
	Reasons   DropReasons
}

func (l *Ledger) add(o *Ledger) {
	l.Made += o.Made
	l.Recovered += o.Recovered
	l.Delivered += o.Delivered
	l.Queued += o.Queued
	l.Spooled += o.Spooled
	l.Dropped += o.Dropped
	l.Reasons.Full += o.Reasons.Full
	l.Reasons.Damaged += o.Reasons.Damaged
	l.Reasons.Unsendable += o.Reasons.Unsendable
	l.Reasons.Refused += o.Reasons.Refused
	l.Reasons.Removed += o.Reasons.Removed
}

// Waiting returns the undelivered units that are not given up.
func (l *Ledger) Waiting() uint64 { return l.Queued + l.Spooled }

// DropReasons counts dropped units by reason.
type DropReasons struct {
	Full       uint64 // the oldest, when memory or the spool was full
	Damaged    uint64 // lost on disk
	Unsendable uint64 // the sink's format cannot carry them
	Refused    uint64 // permanently refused by the receiver: see sink.Refused
	Removed    uint64 // the sink was removed while they waited in memory
}

func (r *DropReasons) sum() uint64 {
	return r.Full + r.Damaged + r.Unsendable + r.Refused + r.Removed
}

// Attempts counts failed attempts to send, and the flushes they belong to.
type Attempts struct {
	Socket, Unknown, Flushes uint64
	lastFlush                int64
}

// failed counts a failed attempt to send a payload of a flush.
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

// isSocketError reports whether an error of a sink comes from the network. Other errors count as
// unknown.
func isSocketError(err error) bool {
	var network net.Error
	var errno syscall.Errno
	return errors.As(err, &network) || errors.As(err, &errno) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed)
}
