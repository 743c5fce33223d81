package question

import "time"

// Explanation says what happens to one line, or what the daemon knows about one name.
type Explanation struct {
	Text  string `json:"text"`
	Known bool   `json:"known"` // the name is held; also true for a bad line, which is explained fully
	Steps []Step `json:"steps"`
	// Near lists known names with a similar spelling, if the name is not known.
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
	// Values holds the paths with their present values and means.
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
	Error       float64  `json:"error"`        // a fraction: 0.03 is +-3 %
	UnseenBelow float64  `json:"unseen_below"` // samples per second: a name below this rate may be missing
	Forgotten   uint64   `json:"forgotten"`    // entries dropped for others
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

// Senders lists the clients that send matching names.
type Senders struct {
	Match     string      `json:"match"`
	Senders   []SenderRow `json:"senders"`
	Error     float64     `json:"error"`
	Forgotten uint64      `json:"forgotten"`
	// Processes lists the processes of this host that have sent any names over unix sockets since the start, those with
	// the most lines first.
	Processes []ProcessRow `json:"processes"`
	// ProcessesForgotten counts processes that were dropped from the list for others.
	ProcessesForgotten uint64 `json:"processes_forgotten"`
}

// ProcessRow is what one process has sent since the start.
type ProcessRow struct {
	UID         uint64    `json:"uid"`
	PID         int       `json:"pid"`     // 0 if it has none here, as in some containers
	Program     string    `json:"program"` // "" if not known
	Last        time.Time `json:"last"`
	Datagrams   uint64    `json:"datagrams"`
	Connections uint64    `json:"connections"`
	Lines       uint64    `json:"lines"`
	Bad         uint64    `json:"bad"`    // bad samples
	Denied      uint64    `json:"denied"` // datagrams and connections that were refused
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

// Tail holds the lines that were seen while watching.
type Tail struct {
	Lines    []Line `json:"lines"` // the oldest first
	Matched  uint64 `json:"matched"`
	NotShown uint64 `json:"not_shown"` // number of matching lines beyond the limit
}

// TailLooked counts the lines that a stream has looked at so far.
type TailLooked struct {
	LookedAt
	Matched  uint64 `json:"matched"`
	NotShown uint64 `json:"not_shown"`
}

// Prefixes lists the prefixes with the most names.
type Prefixes struct {
	Below    string    `json:"below"` // the prefix that Rows are below; "" for all
	Held     int       `json:"held"`
	Since    time.Time `json:"since"` // new names are counted since then
	Error    int       `json:"error"` // of the counts of new names: plus or minus
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
