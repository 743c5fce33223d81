// Package probe examines a part of the traffic for a few seconds, and answers a query: which names
// have the most samples, who sends a name, what do the lines of a name look like.
//
// A Probe has one Look for each lane of intake. The Look examines the samples of one batch out of every k batches of
// its lane, on average. The package adjusts k to the cost, so that examining takes at most 5 % of the lane's work. A
// lane without a Look has almost no extra cost. When the time of a probe is over, each lane removes the probe's Look,
// even if the client that started the probe has disconnected.
//
// All memory is bounded. Samples and lines that do not fit are skipped and counted. Each answer
// contains how many samples it is based on, and the error of its rates.
//
// The package uses no sockets and no goroutines. Its callers pass the time.
package probe

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// By is the criterion by which Top groups samples.
type By string

// The values of By.
const (
	ByName   By = "name"   // names, separately for each kind of metric
	ByPrefix By = "prefix" // name prefixes up to the second dot
	BySender By = "sender" // sending hosts
	ByKind   By = "kind"
)

// Transport is the transport over which a line was received.
type Transport uint8

// The values of Transport.
const (
	UDP Transport = iota
	TCP
	Pipe
	Unix
)

var transportNames = [...]string{"udp", "tcp", "pipe", "unix"}

func (t Transport) String() string { return transportNames[t] }

// Looked says how much of the traffic a probe examined for its answer. Rates are extrapolated from the examined samples
// to the received samples.
type Looked struct {
	From      time.Time
	For       time.Duration // duration until now, or until the end of the probe
	Every     int           // number of received batches for each examined batch, as the mean over all lanes; 1 means that all batches were examined
	Of, Seen  uint64        // numbers of samples, good and bad: received, and examined
	Receivers int           // number of receivers whose lines were examined
}

// TopQuery asks for the names, prefixes, senders or kinds of metrics with the most samples.
type TopQuery struct {
	By    By
	Match string // a glob that the clean name or the received name must match; empty matches all
	For   time.Duration
}

// Top is the answer to a TopQuery.
type Top struct {
	Looked
	By   By
	Rows []Row // sorted by Rate, the highest first
	// UnseenBelow is a rate in samples per second. A name that is missing in Rows has a lower rate.
	UnseenBelow float64
	// Forgotten counts the rows that other rows replaced because the table was full.
	Forgotten uint64
}

// Row is one row of Top.
type Row struct {
	Name  string    // clean name, prefix or sender, as TopQuery.By requests; empty for ByKind, and for an unknown sender
	Kind  string    // set for ByName and ByKind
	Over  Transport // set for BySender
	Rate  float64
	Error float64 // the true rate is between Rate-Error and Rate+Error
	Share float64 // fraction of all samples, from 0 to 1
}

// SendersQuery asks who sends the names that match a glob.
type SendersQuery struct {
	Match string // a glob that the clean name or the received name must match; empty matches all
	For   time.Duration
}

// Senders is the answer to a SendersQuery.
type Senders struct {
	Looked
	// Rows starts with the senders of bad lines, sorted by the number of bad lines in descending
	// order. The other senders follow, sorted by rate.
	Rows      []Sender
	Matching  float64 // matching samples per second, of all senders
	Forgotten uint64  // number of senders that other senders replaced because the table was full
}

// Sender is a host, or a process of this host, that sends over one transport.
type Sender struct {
	Name    string // an address without port; empty if unknown
	Over    Transport
	Rate    float64 // matching samples per second, good and bad
	Error   float64 // the true rate is between Rate-Error and Rate+Error
	Share   float64 // fraction of all matching samples, from 0 to 1
	Bad     float64 // bad samples per second
	Most    string  // the name that this sender sends most often; empty if no name has a large share of the samples
	LastBad []byte  // the last bad line of this sender as received, at most 512 bytes; nil if there is none
	Reason  metric.Reason
}

// TailQuery asks for the lines whose names match a glob.
type TailQuery struct {
	Match  string // a glob that the clean name or the received name must match; empty matches all
	Sender string // an address, or a network such as 10.20.0.0/16; empty means any sender
	Bad    bool   // whether to return bad lines only
	// Senders requests the sender of each line. If Sender is set, the lines always contain their senders. A request for
	// senders adds about a tenth to the cost of receiving.
	Senders bool
	For     time.Duration
	Limit   int // maximum number of lines per second
}

// Line is a line that matches a TailQuery, and the result of parsing it.
type Line struct {
	Time     time.Time // time of arrival
	Sender   string    // address without port; empty if not requested or unknown
	Over     Transport
	Receiver int    // number of the receiving lane, counted from 0
	Text     []byte // the line as received, cut to at most 512 bytes
	Length   int    // length of the whole line in bytes
	Samples  int    // number of samples in the line
	// Kind and Name belong to the first good sample of the line. They are set if Reason is None or a
	// refusal by a limit.
	Kind metric.Kind
	Name string // clean name
	// Reason says why a sample of the line was discarded, or is None. At is the index of the bad byte
	// in the line.
	Reason metric.Reason
	At     int
}

// TailCounts counts the lines of a tail since its start.
type TailCounts struct {
	Looked
	Matching uint64 // examined lines that match
	Shown    uint64 // lines sent to the reader of this tail
	// Skipped counts the matching lines that were not sent: they exceeded the limit, or the buffer of
	// a lane or of the reader was full.
	Skipped uint64
}

// Busy is the error when no probe can start until another probe ends.
type Busy struct {
	Running string        // name of the running probe, such as "top by prefix"
	Left    time.Duration // remaining time of the running probe
}

// Error implements error.
func (b *Busy) Error() string {
	return fmt.Sprintf("another query watches the traffic (%s): ask again in %v", b.Running, b.Left.Round(time.Second/10))
}

// Invalid is the error about an invalid field of a query.
type Invalid struct {
	Field string // "match" or "sender"
	err   error
}

// Error implements error.
func (i *Invalid) Error() string { return i.Field + ": " + i.err.Error() }

// Unwrap returns the error that says why the field is invalid.
func (i *Invalid) Unwrap() error { return i.err }

// The bounds of a query.
const (
	MaxFor   = 30 * time.Second
	MaxLimit = 1000 // limits of TailQuery.Limit
)
