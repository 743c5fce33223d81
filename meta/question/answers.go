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

// Reason is one reason of the health. Its texts are those of docs/health.md.
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
	// Trends has, for received, lost, names, waiting, flush and cost, 30 values of the last hour,
	// the oldest first.
	Trends map[string][]Number `json:"trends"`
}

// Received is what comes in.
type Received struct {
	Samples     float64 `json:"samples"`   // per second, in the last flush interval
	Datagrams   float64 `json:"datagrams"` // per second
	Connections int     `json:"connections"`
}

// Lost are means per second over 15 minutes, and the sums of these minutes.
type Lost struct {
	Kernel  float64 `json:"kernel"`  // datagrams
	Bad     float64 `json:"bad"`     // samples
	Refused float64 `json:"refused"` // samples
	Dropped float64 `json:"dropped"` // points
	Sum15m  float64 `json:"sum_15m"` // all four
}

// Names are the names that the daemon knows.
type Names struct {
	Held     int `json:"held"`
	Limit    int `json:"limit"`     // 0: none
	Grown15m int `json:"grown_15m"` // negative if there are fewer
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
	// Accepted is when the sink last took something. Zero: never.
	Accepted  time.Time `json:"accepted"`
	Published time.Time `json:"published"` // the newest flush that it took whole
	Behind    float64   `json:"behind"`    // seconds: age of the oldest flush that it has not taken
	Waiting   uint64    `json:"waiting"`   // points
	PerSecond float64   `json:"per_second"`
	Dropped   uint64    `json:"dropped"` // points, since the start
	Error     string    `json:"error"`
	Attempts  uint64    `json:"attempts"` // since it last took something
	NextIn    float64   `json:"next_in"`  // seconds to the next attempt
	Queue     Store     `json:"queue"`
	Spool     Store     `json:"spool"`
	FullIn    float64   `json:"full_in"` // seconds at the growth of the last 5 minutes; 0: does not grow
}

// Store is a queue or a spool.
type Store struct {
	Points   uint64 `json:"points"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes uint64 `json:"max_bytes"`
}

// Mute is a glob whose samples are counted and not kept.
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

// Cost is where CPU and memory go.
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

// Explanation says what happens to one line, or what the daemon knows about one name.
type Explanation struct {
	Text  string `json:"text"`
	Known bool   `json:"known"` // the name is held; also true for a bad line, which is explained fully
	Steps []Step `json:"steps"`
	// Near are known names that are spelt alike, if the name is not known.
	Near []string `json:"near"`
}

// Step is one line of an Explanation. Steps come in this order: parsed, name, rules, kind, published,
// now, means, seen, senders, sinks. A bad line ends with the step that refuses it.
type Step struct {
	Name  string   `json:"step"`
	OK    bool     `json:"ok"`
	Text  string   `json:"text"`
	Paths []string `json:"paths,omitempty"`
	At    int      `json:"at,omitempty"` // where the line is bad: byte, from 0
	// Reason is why a sample is discarded or refused: bad_value.
	Reason string `json:"reason,omitempty"`
	// Values are what the paths have now, and their means.
	Values []PathValue `json:"values,omitempty"`
}

// PathValue is one published path with its newest value and its means.
type PathValue struct {
	Path  string    `json:"path"`
	Kind  string    `json:"kind"`
	Value Number    `json:"value"`
	Time  time.Time `json:"time"`
	M1    Number    `json:"m1"`
	M5    Number    `json:"m5"`
	M15   Number    `json:"m15"`
	Min   Number    `json:"min_15m"`
	Max   Number    `json:"max_15m"`
	// History is false if no history is held for the path yet.
	History bool `json:"history"`
}

// PathValues is a page of paths.
type PathValues struct {
	Values  []PathValue `json:"values"`
	Matched int         `json:"matched"`
	Held    int         `json:"held"` // all paths
	// Histories is how many paths have a history.
	Histories int    `json:"histories"`
	Looked    int    `json:"looked"` // paths looked at; less than Held if the answer is not complete
	Next      string `json:"next"`   // ask again with after=Next; "" at the end
}

// Top are the hottest names, prefixes, senders or kinds.
type Top struct {
	By          string   `json:"by"`
	Entries     []TopRow `json:"entries"`
	Error       float64  `json:"error"`        // relative: 0.03 is +-3 %
	UnseenBelow float64  `json:"unseen_below"` // per second: what may be missing
	Forgotten   uint64   `json:"forgotten"`    // entries that gave way to others
}

// TopRow is one row of Top.
type TopRow struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	Rate      float64 `json:"rate"`  // samples a second
	Error     float64 `json:"error"` // samples a second, either way
	Share     float64 `json:"share"` // 0 to 1
	Published string  `json:"published"`
}

// Senders are those who send names that match.
type Senders struct {
	Match     string      `json:"match"`
	Senders   []SenderRow `json:"senders"`
	Error     float64     `json:"error"`
	Forgotten uint64      `json:"forgotten"`
}

// SenderRow is one row of Senders.
type SenderRow struct {
	Sender  string  `json:"sender"` // an address, or uid, pid and program of a unix socket
	Over    string  `json:"over"`   // udp, tcp, pipe or unix
	Rate    float64 `json:"rate"`
	Share   float64 `json:"share"`
	Bad     float64 `json:"bad"`  // bad lines a second
	Most    string  `json:"most"` // the name that it sends most
	LastBad string  `json:"last_bad"`
}

// Line is one line that came in, and what happened to it.
type Line struct {
	Time   time.Time `json:"time"`
	Sender string    `json:"sender"` // "" if it was not asked for
	Over   string    `json:"over"`
	Line   string    `json:"line"`
	Kind   string    `json:"kind"` // of a good line
	Name   string    `json:"name"`
	Reason string    `json:"reason"` // of a bad line
	At     int       `json:"at"`     // where it is bad: byte, from 0
}

// Tail is what the watching of lines gave.
type Tail struct {
	Lines    []Line `json:"lines"` // the oldest first
	Matched  uint64 `json:"matched"`
	NotShown uint64 `json:"not_shown"` // they match, and were beyond the limit
}

// TailLooked is what a stream of lines has looked at so far.
type TailLooked struct {
	LookedAt
	Matched  uint64 `json:"matched"`
	NotShown uint64 `json:"not_shown"`
}

// Prefixes are the beginnings of names that hold most names.
type Prefixes struct {
	Below    string    `json:"below"` // the prefix that Rows are below; "" for all
	Held     int       `json:"held"`
	Since    time.Time `json:"since"` // new names are counted since then
	Error    int       `json:"error"` // of the new names, either way
	Prefixes []Prefix  `json:"prefixes"`
	Others   Prefix    `json:"others"` // the sum of the prefixes that are not listed
}

// Prefix is one prefix.
type Prefix struct {
	Prefix string    `json:"prefix"`
	Names  int       `json:"names"`
	Share  float64   `json:"share"`
	New    int       `json:"new"`
	Gone   int       `json:"gone"`
	Bytes  uint64    `json:"bytes"`
	Newest time.Time `json:"newest"`
	// AtLeast is true if New and Gone may be too low, because only held names are counted.
	AtLeast bool `json:"at_least"`
	ManyNew bool `json:"many_new"` // more than 10 % are new
}

// Discards are bad samples, and refused ones.
type Discards struct {
	Reasons    map[string]uint64 `json:"reasons"` // since the start
	Lines      []BadLine         `json:"lines"`   // the newest first
	Alike      []Alike           `json:"alike"`
	Refused    []Refused         `json:"refused"`
	Collisions []string          `json:"collisions"`
	Note       string            `json:"note"` // why senders are not known, if so
}

// BadLine is a line that was discarded.
type BadLine struct {
	Time   time.Time `json:"time"`
	Sender string    `json:"sender"`
	Reason string    `json:"reason"`
	Line   string    `json:"line"`
	At     int       `json:"at"`
}

// Alike are the bad lines of one sender with one reason.
type Alike struct {
	Count15m uint64 `json:"count_15m"`
	Reason   string `json:"reason"`
	Sender   string `json:"sender"`
	Last     string `json:"last"`
	At       int    `json:"at"` // where the last line is bad: byte, from 0
}

// Refused counts good samples beyond a limit.
type Refused struct {
	Limit  string `json:"limit"`
	Prefix string `json:"prefix"`
	Least  uint64 `json:"least"`
	Most   uint64 `json:"most"`
}

// Alert is one episode of a reason, and who was told.
type Alert struct {
	ID      string    `json:"id"`
	Reason  string    `json:"reason"`
	Subject string    `json:"subject"`
	State   string    `json:"state"`
	Text    string    `json:"text"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"` // zero while it goes on
	Told    []Told    `json:"told"`
}

// Told is what one notifier was told.
type Told struct {
	Notifier string  `json:"notifier"`
	Begin    Telling `json:"begin"`
	Change   Telling `json:"change"`
	End      Telling `json:"end"`
}

// Telling is one message.
type Telling struct {
	State string    `json:"state"` // none, waiting, told or given_up
	Time  time.Time `json:"time"`
	Tries int       `json:"tries"`
	Error string    `json:"error"`
}

// Alerts are episodes, the newest first, and the audit.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
	Audit  []Audit `json:"audit"`
}

// Audit is one change that was asked for, refused ones too.
type Audit struct {
	Time    time.Time `json:"time"`
	Who     string    `json:"who"` // the token's name
	Address string    `json:"address"`
	Change  string    `json:"change"`
	Args    string    `json:"args"`
	Result  string    `json:"result"`
}

// Setting is one flag as it runs. Secrets are "***".
type Setting struct {
	Flag    string `json:"flag"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Source  string `json:"source"` // "file, line 4", "environment", "command line" or "default"
	// New is the value after a reload. Differs is false if a reload would not change it.
	New     string `json:"new"`
	Differs bool   `json:"differs"`
	Restart bool   `json:"restart"` // only a restart can change it
}

// Config is the running configuration.
type Config struct {
	Files    []string  `json:"files"`
	Settings []Setting `json:"settings"` // all of them, in the order of the manual
	Error    string    `json:"error"`    // why the files cannot be read now, if so
}

// Balance is one row of the ledger.
type Balance struct {
	What  string `json:"what"`
	In    uint64 `json:"in"`
	Out   uint64 `json:"out"`
	Equal bool   `json:"equal"`
}

// History are series of the same times. Value i is about the Step that ends at From + i Steps. Flushes
// that are further apart than a step, and times without flushes, leave gaps: NaN (null).
type History struct {
	From time.Time `json:"t0"`   // the time of the first values
	Step float64   `json:"step"` // seconds
	// Series has the means of each step. Of a count it has the growth per second.
	Series map[string][]Number `json:"series"`
	// Greatest has the greatest value of a flush in each step.
	Greatest map[string][]Number `json:"greatest"`
	// Worst has, for each value, the worst health: 0 for ok, 1 for degraded, 2 for failing.
	Worst map[string][]Number `json:"worst"`
	// Kinds says what the values are: "rate" (per second) or "value".
	Kinds map[string]string `json:"kinds"`
	// Sums are about all flushes of a series, also if several share a step.
	Sums map[string]HistorySum `json:"sums"`
	// Flushes is how many flushes, or minutes, the series are made of. Missing is how many did not
	// happen between the first and the last of them.
	Flushes int      `json:"flushes"`
	Missing int      `json:"missing"`
	Notes   []string `json:"notes"` // such as "no history held of PATH; held from now on"
}

// HistorySum describes one series.
type HistorySum struct {
	Min   Number    `json:"min"`
	Mean  Number    `json:"mean"`
	Max   Number    `json:"max"`
	Last  Number    `json:"last"`
	MaxAt time.Time `json:"max_at"` // when Max was
}
