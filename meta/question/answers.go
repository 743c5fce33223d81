package question

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The following types are the data of answers. Rates are per second. Durations are in seconds.
// Times are in UTC, in the format of RFC 3339. Received bytes are quoted ASCII (meta.Quote). New
// versions only add fields.

// Number is a float64. NaN means that there is no value, and is encoded as null in JSON.
type Number float64

// MarshalJSON encodes the number, or null for NaN.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return strconv.AppendFloat(nil, f, 'f', -1, 64), nil
	}
	return []byte("null"), nil
}

// UnmarshalJSON decodes a number, or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	*n = Number(math.NaN())
	if string(b) == "null" {
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Health is the daemon's health with all reasons, worst first.
type Health struct {
	State   string    `json:"state"` // ok, degraded or failing
	Since   time.Time `json:"since"`
	Reasons []Reason  `json:"reasons"`
}

// Reason is an active health reason. docs/health.md explains all reasons.
type Reason struct {
	ID      string    `json:"id"`
	State   string    `json:"state"` // degraded, failing or note
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Effect  string    `json:"effect"`
	Next    string    `json:"next"` // a command for the operator
	Clears  string    `json:"clears"`
}

// Status answers the most important questions: is the daemon healthy, what is lost, do the sinks
// work, what does the daemon cost.
type Status struct {
	Host     string    `json:"host"` // name and port of the first listener, such as metrics-3:8125
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Health   Health    `json:"health"`
	Received Received  `json:"received"`
	Lost     Lost      `json:"lost"`
	Names    Names     `json:"names"`
	Flush    Flush     `json:"flush"`
	Sinks    []Sink    `json:"sinks"`
	Cost     CostSum   `json:"cost"`
	Muted    []Mute    `json:"muted"`
	Draining bool      `json:"draining"`
	Cluster  bool      `json:"cluster"` // the daemon is in a cluster; the query cluster describes it
	// Trends has the values of the last hour, by name: "received", "lost", "names", "waiting", "flush" and "cost". Each
	// name has 30 values, oldest first.
	Trends map[string][]Number `json:"trends"`
}

// Received describes what the daemon receives.
type Received struct {
	Samples     float64 `json:"samples"`   // per second in the last flush interval
	Datagrams   float64 `json:"datagrams"` // datagrams per second
	Connections int     `json:"connections"`
}

// Lost has the mean losses per second in the last 15 minutes, and their sum.
type Lost struct {
	Kernel  float64 `json:"kernel"`  // datagrams that the kernel dropped
	Bad     float64 `json:"bad"`     // bad samples
	Refused float64 `json:"refused"` // good samples refused because of a limit, without muted ones
	Dropped float64 `json:"dropped"` // points dropped by sinks
	Sum15m  float64 `json:"sum_15m"` // sum of all losses in 15 minutes
}

// Names has the number of names in the table, the limit, and the growth.
type Names struct {
	Held     int `json:"held"`
	Limit    int `json:"limit"`     // 0 if there is no limit
	Grown15m int `json:"grown_15m"` // negative if the number of names has fallen
}

// Flush describes the last flush.
type Flush struct {
	Number   uint64    `json:"number"`
	At       time.Time `json:"at"`
	Interval float64   `json:"interval"`
	Took     float64   `json:"took"`
	HeldUp   float64   `json:"held_up"` // how long the flush made receivers wait, added up for all receivers
	Late     uint64    `json:"late"`    // number of late flushes since the start
}

// Sink describes a destination.
type Sink struct {
	Name    string `json:"name"`
	Address string `json:"address"` // secrets are removed
	State   string `json:"state"`   // ok, behind, FAILING, ending or removed
	// Accepted is when the sink last accepted points. It is zero if it has accepted none.
	Accepted  time.Time `json:"accepted"`
	Published time.Time `json:"published"` // time of the last flush that the sink has accepted completely
	Behind    float64   `json:"behind"`    // age of the oldest flush that the sink has not accepted, in seconds
	Waiting   uint64    `json:"waiting"`   // number of waiting points
	PerSecond float64   `json:"per_second"`
	Dropped   uint64    `json:"dropped"` // number of points dropped since the start
	Error     string    `json:"error"`
	Attempts  uint64    `json:"attempts"` // failed attempts since the sink last accepted points
	NextIn    float64   `json:"next_in"`  // seconds until the next attempt
	Queue     Store     `json:"queue"`
	Spool     Store     `json:"spool"`
	FullIn    float64   `json:"full_in"` // seconds until queue and spool are full, at the growth of the last 5 minutes; 0 if they do not grow
	// Conflicts are the reasons why the sink omits, changes or merges names, most frequent first.
	Conflicts []Conflict `json:"conflicts"`
}

// Conflict is a reason why a sink omits, changes or merges names: the sink cannot publish the names as requested.
type Conflict struct {
	Reason  string `json:"reason"`
	Subject string `json:"subject"` // for example the name of a family
	Text    string `json:"text"`    // description of the last conflict
	Count   uint64 `json:"count"`   // number of conflicts since the start
}

// Store describes a queue or a spool.
type Store struct {
	Points   uint64 `json:"points"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes uint64 `json:"max_bytes"`
}

// Mute is a glob. Samples of matching names are counted but not kept.
type Mute struct {
	Match   string    `json:"match"`
	Until   time.Time `json:"until"`
	Samples uint64    `json:"samples"`
}

// CostSum is a summary of the daemon's cost.
type CostSum struct {
	Cores           float64 `json:"cores"`
	Memory          uint64  `json:"memory"`            // in bytes
	MicrosPerSample float64 `json:"micros_per_sample"` // CPU time in microseconds
	BytesPerName    float64 `json:"bytes_per_name"`
}

// Cost describes what needs CPU time and memory.
type Cost struct {
	CostSum
	Cores5m  Number   `json:"cores_5m"`
	Cores15m Number   `json:"cores_15m"`
	CPU      []Share  `json:"cpu"`           // fractions of the CPU time, from 0 to 1
	Memories []Share  `json:"memory_shares"` // in bytes
	Most     []Prefix `json:"most"`          // the prefixes that needed the most memory when they were last counted
}

// Share is the CPU time or the memory that one part of the daemon uses. CPU time is a fraction from 0 to 1. Memory is
// in bytes.
type Share struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}
