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
	Removed bool // removed by a reload; kept for its counts
	// Forwards means that the destination's units are rows: see Destination.Forwards.
	Forwards bool
	// Recorder is the state of a Recorder, or nil for a Sink. The fields below describe a Sink.
	Recorder *sink.State

	Ledger
	Attempts     Attempts
	Failing      bool // the last attempt failed, and its payload still waits
	FailingSince time.Time
	LastError    error
	Unconfirmed  int       // number of consecutive attempts that ended with sink.Unconfirmed
	Failed       time.Time // time of the last failed attempt
	Tries        uint64    // number of failed attempts since the last success
	NextTry      time.Time // start of the next attempt; valid while Failing
	Published    time.Time // time of the last delivery of a payload
	Last         Sent      // the flush of the last delivered payload
	// Oldest is the time of the oldest undelivered flush in Unix seconds, or 0.
	Oldest int64

	// QueueBytes is the size of the queue in memory. SpoolBytes is the size of the spool on disk. The
	// fields with Max are the limits.
	QueueBytes, MaxQueueBytes int
	SpoolBytes, MaxSpoolBytes int64 // both are 0 without a spool
	SpoolFault                error // the current error of the disk; nil while the disk works, or without a spool
}

// Figures returns two prefixes for the names of the destination's figures (the metrics that the daemon publishes about
// itself). The first prefix is for the destination's state. The second one is for the counts in its Ledger.
func (s *State) Figures() (all, ledger string) {
	if s.Forwards {
		return "forward.", "forward.rows."
	}
	return "sink." + s.Name + ".", "sink." + s.Name + ".points."
}

// OneForward returns the states, but only one state for all destinations that forward: the sum of their states. For the
// daemon's own figures, these destinations count as one.
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

// add adds the state of another destination. It adds only the fields that the daemon's own figures show.
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

// Sent describes the part of a flush that was delivered.
type Sent struct {
	Flush int64         // Unix seconds
	Spent time.Duration // time for all attempts, including the failed ones
	Bytes int
}

// Ledger counts the units of a destination since the start. Units are points or rows. This always holds:
//
//	Made + Recovered = Delivered + Queued + Spooled + Dropped
type Ledger struct {
	Made      uint64 // units of all flushes
	Recovered uint64 // units found in the spool at the start
	Delivered uint64
	Queued    uint64 // units in memory
	Spooled   uint64 // units on disk
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

// Waiting returns the number of units in memory and on disk, which will be delivered later.
func (l *Ledger) Waiting() uint64 { return l.Queued + l.Spooled }

// DropReasons counts dropped units by reason.
type DropReasons struct {
	Full       uint64 // oldest units, dropped because the memory or the spool was full
	Damaged    uint64 // units lost because of damaged files on disk
	Unsendable uint64 // units that the sink's format cannot represent
	Refused    uint64 // units that the receiver refused permanently: see sink.Refused
	Removed    uint64 // units in memory when the removed sink was stopped
}

func (r *DropReasons) sum() uint64 {
	return r.Full + r.Damaged + r.Unsendable + r.Refused + r.Removed
}

// Attempts counts failed attempts to send, and the flushes from which the failed payloads came.
type Attempts struct {
	Socket, Unknown, Flushes uint64
	lastFlush                int64
}

// failed counts a failed attempt to send a payload of the given flush.
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

// isSocketError reports whether an error of a sink comes from the network. All other errors are
// counted as unknown.
func isSocketError(err error) bool {
	var network net.Error
	var errno syscall.Errno
	return errors.As(err, &network) || errors.As(err, &errno) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed)
}
