// Package probe looks at a part of the traffic for some seconds, and answers a question about it:
// which names are hottest, who sends a name, what do its lines look like.
//
// A Probe has a Look for each lane of intake. A lane shows its Look one batch in k, sample by sample. k is
// adjusted to the cost, so that looking takes at most 5 % of the lane's work. A lane without a Look only
// loads one word for each batch. When the time is over, a lane drops its Look itself, even if the client
// is gone.
//
// All memory is bounded. Samples and lines that do not fit are skipped and counted. Each answer says how
// much it has looked at, and how exact its rates are.
//
// The package has no sockets and no goroutines, and its callers pass the time.
package probe

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// By is the kind of thing that Top counts.
type By string

// The things that Top can count.
const (
	ByName   By = "name"   // names, separately for each kind
	ByPrefix By = "prefix" // names up to their second dot
	BySender By = "sender" // hosts
	ByKind   By = "kind"
)

// Transport is the way on which a line came in.
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
	For       time.Duration // duration until now, or until the end
	Every     int           // k, if one batch in k was looked at, the mean of all lanes; 1 is everything
	Of, Seen  uint64        // numbers of good and bad samples that came in, and that were looked at
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
	// UnseenBelow is a rate in samples per second. Anything missing in Rows has a lower rate.
	UnseenBelow float64
	// Forgotten counts rows that were replaced by others because the table was full.
	Forgotten uint64
}

// Row is one row of Top.
type Row struct {
	Name  string    // clean; "" for ByKind, and for a sender that is not known
	Kind  string    // for ByName and ByKind
	Over  Transport // for BySender
	Rate  float64
	Error float64 // the error of Rate, plus or minus
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
	// Rows has the senders of bad lines first, sorted by bad lines, the most first. Then come the others, sorted by
	// rate.
	Rows      []Sender
	Matching  float64 // samples per second that match, of all senders
	Forgotten uint64  // senders replaced by others because the table was full
}

// Sender is a host, or a process of this host, that sends over one transport.
type Sender struct {
	Name    string // an address without port; "" if not known
	Over    Transport
	Rate    float64 // samples per second that match, good and bad
	Error   float64 // the error of Rate, plus or minus
	Share   float64 // of all samples that match, 0 to 1
	Bad     float64 // bad samples per second
	Most    string  // the name that it sends most; "" if no name clearly leads
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

// Line is a matching line, and what happened to it.
type Line struct {
	Time     time.Time // time of arrival
	Sender   string    // without port; "" if not asked for or not known
	Over     Transport
	Receiver int    // the number of the lane, from 0
	Text     []byte // as received, at most 512 bytes
	Length   int    // length of the whole line
	Samples  int    // in the line
	// Kind and Name belong to the first good sample, if Reason is None or a refusal.
	Kind metric.Kind
	Name string // clean
	// Reason says why a sample of the line was discarded, or None. At is the index in the line at which it is bad.
	Reason metric.Reason
	At     int
}

// TailCounts counts the lines of a tail so far.
type TailCounts struct {
	Looked
	Matching uint64 // lines that match, of those looked at
	Shown    uint64 // lines sent to this reader
	// Skipped are lines that match and were not sent, because they were beyond the limit, or because
	// a lane or the reader's channel was full.
	Skipped uint64
}

// Busy is the error when another probe must end first.
type Busy struct {
	Running string        // the running probe, such as "top by prefix"
	Left    time.Duration // time until it ends
}

// Error implements error.
func (b *Busy) Error() string {
	return fmt.Sprintf("another probe is running (%s): ask again in %v", b.Running, b.Left.Round(time.Second/10))
}

// Invalid is the error for a bad field of a query.
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
	MaxLimit = 1000 // bounds of TailQuery
)
