package question

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The types below are the data of the answers. Rates are per second. Durations are seconds. Times are
// RFC 3339 in UTC. Received bytes are quoted ASCII (meta.Quote). Fields are only added.

// Number is a float64 whose NaN stands for "no value". JSON shows it as null.
type Number float64

// MarshalJSON writes the number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return strconv.AppendFloat(nil, f, 'f', -1, 64), nil
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads a number, or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	*n = Number(math.NaN())
	if string(b) == "null" {
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Health is the daemon's health with all reasons, the worst first.
type Health struct {
	State   string    `json:"state"` // ok, degraded or failing
	Since   time.Time `json:"since"`
	Reasons []Reason  `json:"reasons"`
}

// Reason is one reason of the health. docs/health.md has its texts.
type Reason struct {
	ID      string    `json:"id"`
	State   string    `json:"state"` // degraded, failing or note
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Effect  string    `json:"effect"`
	Next    string    `json:"next"` // the command to type next
	Clears  string    `json:"clears"`
}

// Status answers: is it healthy, what is lost, how are the sinks, what does it cost.
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
	Cluster  bool      `json:"cluster"` // the daemon is in a cluster: see the question cluster
	// Trends has 30 values of the last hour for each of received, lost, names, waiting, flush and cost, the oldest
	// first.
	Trends map[string][]Number `json:"trends"`
}

// Received counts the input.
type Received struct {
	Samples     float64 `json:"samples"`   // per second, in the last flush interval
	Datagrams   float64 `json:"datagrams"` // per second
	Connections int     `json:"connections"`
}

// Lost has means per second over 15 minutes, and the sum over these minutes.
type Lost struct {
	Kernel  float64 `json:"kernel"`  // datagrams
	Bad     float64 `json:"bad"`     // samples
	Refused float64 `json:"refused"` // samples beyond a limit; muted ones are no loss
	Dropped float64 `json:"dropped"` // points
	Sum15m  float64 `json:"sum_15m"` // all four together
}

// Names are the names that the daemon knows.
type Names struct {
	Held     int `json:"held"`
	Limit    int `json:"limit"`     // 0: none
	Grown15m int `json:"grown_15m"` // negative if there are fewer names now
}

// Flush is the last flush.
type Flush struct {
	Number   uint64    `json:"number"`
	At       time.Time `json:"at"`
	Interval float64   `json:"interval"`
	Took     float64   `json:"took"`
	HeldUp   float64   `json:"held_up"` // the longest that receivers waited
	Late     uint64    `json:"late"`    // since the start
}

// Sink is one destination.
type Sink struct {
	Name    string `json:"name"`
	Address string `json:"address"` // without secrets
	State   string `json:"state"`   // ok, behind, FAILING or ending
	// Accepted is when the sink last accepted points. Zero: never.
	Accepted  time.Time `json:"accepted"`
	Published time.Time `json:"published"` // the newest flush that it accepted completely
	Behind    float64   `json:"behind"`    // seconds: age of the oldest flush that it has not accepted
	Waiting   uint64    `json:"waiting"`   // points
	PerSecond float64   `json:"per_second"`
	Dropped   uint64    `json:"dropped"` // points, since the start
	Error     string    `json:"error"`
	Attempts  uint64    `json:"attempts"` // attempts since it last accepted points
	NextIn    float64   `json:"next_in"`  // seconds to the next attempt
	Queue     Store     `json:"queue"`
	Spool     Store     `json:"spool"`
	FullIn    float64   `json:"full_in"` // seconds until full at the growth of the last 5 minutes; 0: does not grow
	// Conflicts are names that the sink does not show as they should be, the most frequent first.
	Conflicts []Conflict `json:"conflicts"`
}

// Conflict is a reason for which a sink does not show names as they should be.
type Conflict struct {
	Reason  string `json:"reason"`
	Subject string `json:"subject"` // the subject, such as a family
	Text    string `json:"text"`    // description of the last conflict
	Count   uint64 `json:"count"`   // since the start
}

// Store is a queue or a spool.
type Store struct {
	Points   uint64 `json:"points"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes uint64 `json:"max_bytes"`
}

// Mute is a glob: samples of matching names are counted but not kept.
type Mute struct {
	Match   string    `json:"match"`
	Until   time.Time `json:"until"`
	Samples uint64    `json:"samples"`
}

// CostSum is the cost in short.
type CostSum struct {
	Cores           float64 `json:"cores"`
	Memory          uint64  `json:"memory"`            // bytes
	MicrosPerSample float64 `json:"micros_per_sample"` // CPU
	BytesPerName    float64 `json:"bytes_per_name"`
}

// Cost breaks down the CPU time and the memory.
type Cost struct {
	CostSum
	Cores5m  Number   `json:"cores_5m"`
	Cores15m Number   `json:"cores_15m"`
	CPU      []Share  `json:"cpu"`           // shares of the CPU time, 0 to 1
	Memories []Share  `json:"memory_shares"` // bytes
	Most     []Prefix `json:"most"`          // the prefixes that take most memory, as of their last count
}

// Share is a part of a whole.
type Share struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}
