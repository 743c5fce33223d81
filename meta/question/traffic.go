package question

import "time"

// Explanation says what happens to a line, or what the daemon knows about a name.
type Explanation struct {
	Text string `json:"text"`
	// Known is true if the name is in the table, or if the text is a published path. It is also true if the text is a
	// line without a good sample, because such a line has no name.
	Known bool   `json:"known"`
	Steps []Step `json:"steps"`
	// Near lists known names with a similar spelling, if the name is not known.
	Near []string `json:"near"`
}

// Step is a step of an Explanation. The steps have this order: parsed, name, rule, rules, kind,
// published, now, means, seen, senders, sinks. For a bad line, the last step says why it is
// refused.
type Step struct {
	Name  string   `json:"step"`
	OK    bool     `json:"ok"`
	Text  string   `json:"text"`
	Paths []string `json:"paths,omitempty"`
	At    int      `json:"at,omitempty"` // position of the fault in the line, as a byte index
	// Reason is why the sample is discarded or refused, such as bad_value.
	Reason string `json:"reason,omitempty"`
	// Values has the paths with their current values and their means.
	Values []PathValue `json:"values,omitempty"`
}

// PathValue is a published path with its last value and its averages over 1, 5 and 15 minutes.
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
	// History is false if the path has no history yet.
	History bool `json:"history"`
}

// PathValues is a page in a list of paths.
type PathValues struct {
	Values  []PathValue `json:"values"`
	Matched int         `json:"matched"`
	Held    int         `json:"held"` // number of all paths
	// Histories is the number of paths with a history.
	Histories int    `json:"histories"`
	Looked    int    `json:"looked"` // number of paths searched; less than Held if the answer is not complete
	Next      string `json:"next"`   // value of the parameter "after" that gets the next page; "" at the end
}

// Top has the names, prefixes, senders or kinds of metrics with the most samples.
type Top struct {
	By          string   `json:"by"`
	Entries     []TopRow `json:"entries"`
	Error       float64  `json:"error"`        // possible error of the rates, as a fraction: 0.03 means 3 %
	UnseenBelow float64  `json:"unseen_below"` // names with fewer samples per second than this may be missing
	Forgotten   uint64   `json:"forgotten"`    // number of entries that were dropped because there were too many
}

// TopRow is a row of Top.
type TopRow struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	Rate      float64 `json:"rate"`  // samples per second
	Error     float64 `json:"error"` // possible error of Rate, in samples per second
	Share     float64 `json:"share"` // from 0 to 1
	Published string  `json:"published"`
}

// Senders has the clients that send matching names.
type Senders struct {
	Match     string      `json:"match"`
	Senders   []SenderRow `json:"senders"`
	Error     float64     `json:"error"`
	Forgotten uint64      `json:"forgotten"`
	// Processes has the processes on this host that have sent over unix sockets since the start, sorted by their
	// numbers of lines. The list does not depend on Match: it also contains processes that sent other names.
	Processes []ProcessRow `json:"processes"`
	// ProcessesForgotten is the number of processes that were dropped from the list because there were
	// too many.
	ProcessesForgotten uint64 `json:"processes_forgotten"`
}

// ProcessRow is what a process has sent since the start.
type ProcessRow struct {
	UID         uint64    `json:"uid"`
	PID         int       `json:"pid"`     // 0 if the process has no PID in this namespace, as in some containers
	Program     string    `json:"program"` // "" if unknown
	Last        time.Time `json:"last"`
	Datagrams   uint64    `json:"datagrams"`
	Connections uint64    `json:"connections"`
	Lines       uint64    `json:"lines"`
	Bad         uint64    `json:"bad"`    // number of bad samples
	Denied      uint64    `json:"denied"` // number of refused datagrams and connections
}

// SenderRow is a row of Senders.
type SenderRow struct {
	Sender  string  `json:"sender"` // an address; for a unix socket the uid, pid and program
	Over    string  `json:"over"`   // udp, tcp, pipe or unix
	Rate    float64 `json:"rate"`
	Share   float64 `json:"share"`
	Bad     float64 `json:"bad"`  // bad lines per second
	Most    string  `json:"most"` // the name with the most samples from the client
	LastBad string  `json:"last_bad"`
}

// Line is a received line, and what happened to it.
type Line struct {
	Time   time.Time `json:"time"`
	Sender string    `json:"sender"` // "" if the kernel was not asked for the sender
	Over   string    `json:"over"`
	Line   string    `json:"line"`
	Kind   string    `json:"kind"` // kind of the metric; "" if the line is bad
	Name   string    `json:"name"`
	Reason string    `json:"reason"` // reason why a line is bad
	At     int       `json:"at"`     // position of the fault in the line, as a byte index
}

// Tail has the lines that were received while the query watched the traffic.
type Tail struct {
	Lines    []Line `json:"lines"` // oldest first
	Matched  uint64 `json:"matched"`
	NotShown uint64 `json:"not_shown"` // number of matching lines above the limit
}

// TailLooked describes how much traffic a stream has watched so far.
type TailLooked struct {
	LookedAt
	Matched  uint64 `json:"matched"`
	NotShown uint64 `json:"not_shown"`
}

// Prefixes has the prefixes with the most names.
type Prefixes struct {
	Below    string    `json:"below"` // the prefix below which names were counted, in groups by their next node; "" if all names were counted
	Held     int       `json:"held"`
	Since    time.Time `json:"since"` // names count as new if their first sample came after this time
	Error    int       `json:"error"` // possible error of the numbers of new names
	Prefixes []Prefix  `json:"prefixes"`
	Others   Prefix    `json:"others"` // sum of all prefixes that are not in the list
}

// Prefix is a prefix of names, with its counts.
type Prefix struct {
	Prefix string    `json:"prefix"`
	Names  int       `json:"names"`
	Share  float64   `json:"share"`
	New    int       `json:"new"`
	Gone   int       `json:"gone"`
	Bytes  uint64    `json:"bytes"`
	Newest time.Time `json:"newest"`
	// AtLeast means that New counts only the names that are still in the table, and that Gone is 0. Both may be too
	// low.
	AtLeast bool `json:"at_least"`
	ManyNew bool `json:"many_new"` // more than 10 % of the names are new
}
