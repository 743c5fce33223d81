// Package probe looks at a part of the traffic for some seconds, and answers a question about it:
// which names are hottest, who sends a name, what do its lines look like.
//
// A Probe has a Look for each lane of intake. A lane shows its Look every k-th batch, sample by
// sample. k follows the cost, so that looking takes at most 5 % of the lane's work. A lane without
// a Look pays one load a batch. When the time is over, a lane drops its Look itself, even if the
// asker is gone.
//
// All memory has a bound. What does not fit is skipped and counted. Each answer says how much it
// has looked at, and how sure its rates are.
//
// The package is pure: it has no sockets and no goroutines, and its callers tell it the time.
package probe

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// By is what Top counts.
type By string

// What Top can count.
const (
	ByName   By = "name"   // names, each kind apart
	ByPrefix By = "prefix" // names up to their second dot
	BySender By = "sender" // hosts
	ByKind   By = "kind"
)

// Transport is how a line came in.
type Transport uint8

// The transports.
const (
	UDP Transport = iota
	TCP
	Pipe
	Unix
)

var transportNames = [...]string{"udp", "tcp", "pipe", "unix"}

func (t Transport) String() string { return transportNames[t] }

// Looked says which part of the traffic an answer is based on. Rates are extrapolated from Seen to
// Of.
type Looked struct {
	From      time.Time
	For       time.Duration // until now, or until the end
	Every     int           // k, if one batch in k was looked at, the mean of all lanes; 1 is everything
	Of, Seen  uint64        // good and bad samples: how many came in, and how many were looked at
	Receivers int           // lanes that were looked at
}

// TopQuery asks for the hottest names, prefixes, senders or kinds.
type TopQuery struct {
	By    By
	Match string // a glob for clean or received names; "" matches all
	For   time.Duration
}

// Top is the answer to a TopQuery.
type Top struct {
	Looked
	By   By
	Rows []Row // the hottest first
	// UnseenBelow is the rate, in samples per second, that something not in Rows may have.
	UnseenBelow float64
	// Forgotten is how often a row gave way to another one because the table was full.
	Forgotten uint64
}

// Row is one row of Top.
type Row struct {
	Name  string    // clean; "" for ByKind, and for a sender that is not known
	Kind  string    // for ByName and ByKind
	Over  Transport // for BySender
	Rate  float64
	Error float64 // the error of Rate, up or down
	Share float64 // of all samples, 0 to 1
}

// SendersQuery asks who sends the names that match.
type SendersQuery struct {
	Match string // a glob for clean or received names; "" matches all
	For   time.Duration
}

// Senders is the answer to a SendersQuery.
type Senders struct {
	Looked
	// Rows has the senders of bad lines first, and of these the one with the most bad lines first.
	// The others follow, the one that sends the most first.
	Rows      []Sender
	Matching  float64 // samples per second that match, of all senders
	Forgotten uint64  // senders that gave way to others because the table was full
}

// Sender is a host, or a process of this host, that sends over one transport.
type Sender struct {
	Name    string // an address without port; "" if not known
	Over    Transport
	Rate    float64 // samples per second that match, good and bad
	Error   float64 // the error of Rate, up or down
	Share   float64 // of all samples that match, 0 to 1
	Bad     float64 // bad samples per second
	Most    string  // the name that it sends most; "" if no name is clearly the first
	LastBad []byte  // its last bad line as received, at most 512 bytes; nil if it sent none
	Reason  metric.Reason
}

// TailQuery asks for the lines that match.
type TailQuery struct {
	Match  string // a glob for clean or received names; "" matches all
	Sender string // an address or a network such as 10.20.0.0/16; "" is any sender
	Bad    bool   // bad lines only
	// Senders asks for the sender of each line. It is implied by Sender. It costs about a tenth of
	// receiving.
	Senders bool
	For     time.Duration
	Limit   int // lines per second
}

// Line is a line that matches, and what happened to it.
type Line struct {
	Time     time.Time // of arrival
	Sender   string    // without port; "" if not asked for or not known
	Over     Transport
	Receiver int    // the number of the lane, from 0
	Text     []byte // as received, at most 512 bytes
	Length   int    // of the whole line
	Samples  int    // in the line
	// Kind and Name belong to the first good sample, if Reason is None or a refusal.
	Kind metric.Kind
	Name string // clean
	// Reason is why a sample of the line was discarded, or None. At is where in the line: a byte,
	// from 0.
	Reason metric.Reason
	At     int
}

// TailCounts says what a tail has done so far.
type TailCounts struct {
	Looked
	Matching uint64 // lines that match, of those looked at
	Shown    uint64 // lines sent to this reader
	// Skipped are lines that match and were not sent, because they were beyond the limit, or because
	// a lane or the reader's channel was full.
	Skipped uint64
}

// Busy says that another probe has to end first.
type Busy struct {
	Running string        // what runs, such as "top by prefix"
	Left    time.Duration // until it ends
}

// Error implements error.
func (b *Busy) Error() string {
	return fmt.Sprintf("another probe is running (%s): ask again in %v", b.Running, b.Left.Round(time.Second/10))
}

// Invalid says that a field of a query is not valid.
type Invalid struct {
	Field string // match or sender
	err   error
}

// Error implements error.
func (i *Invalid) Error() string { return i.Field + ": " + i.err.Error() }

// Unwrap returns the cause.
func (i *Invalid) Unwrap() error { return i.err }

// The bounds of a query.
const (
	MaxFor   = 30 * time.Second
	MaxLimit = 1000 // of TailQuery
)
