package question

import "time"

// Discards are bad samples, and refused ones.
type Discards struct {
	Reasons    map[string]uint64 `json:"reasons"` // since the start
	Lines      []BadLine         `json:"lines"`   // the newest first
	Alike      []Alike           `json:"alike"`
	Refused    []Refused         `json:"refused"`
	Collisions []string          `json:"collisions"`
	Note       string            `json:"note"` // why senders are not known; "" if they are
}

// BadLine is a line that was discarded.
type BadLine struct {
	Time   time.Time `json:"time"`
	Sender string    `json:"sender"`
	// Listener is the name of the listener that received it; empty if there is only --port.
	Listener string `json:"listener"`
	Reason   string `json:"reason"`
	Line     string `json:"line"`
	At       int    `json:"at"`
}

// Alike are the bad lines of one sender with one reason.
type Alike struct {
	Count15m uint64 `json:"count_15m"`
	Reason   string `json:"reason"`
	Sender   string `json:"sender"`
	Last     string `json:"last"`
	At       int    `json:"at"` // where the last line is bad: byte, from 0
}

// Rules are the rules for names, in the order of the file.
type Rules struct {
	Rules   []Rule `json:"rules"`
	Dropped uint64 `json:"dropped"` // samples that rules dropped since the start
}

// Rule is a rule for names, and the counts of its matches.
type Rule struct {
	ID        string    `json:"id"` // its id in the file, or its number
	Line      int       `json:"line"`
	Match     string    `json:"match"`
	Kind      string    `json:"kind"`     // match_metric_type; "" for all
	Action    string    `json:"action"`   // map, drop or keep
	Counting  bool      `json:"counting"` // it only counts samples (mode: count)
	Samples   uint64    `json:"samples"`  // since the start
	PerSecond Number    `json:"per_second"`
	Last      time.Time `json:"last"` // end of the last flush interval with a sample; zero for none
}

// Refused counts good samples beyond a limit.
type Refused struct {
	Limit  string `json:"limit"`
	Prefix string `json:"prefix"`
	Least  uint64 `json:"least"`
	Most   uint64 `json:"most"`
}

// Alert is one episode of a reason, with its messages to notifiers.
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

// Told holds the messages to one notifier.
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

// Audit is one requested change. It may have been refused.
type Audit struct {
	Time    time.Time `json:"time"`
	Who     string    `json:"who"` // the token's name
	Address string    `json:"address"`
	Change  string    `json:"change"`
	Args    string    `json:"args"`
	Result  string    `json:"result"`
}

// Setting is one flag with its running value. Secrets are "***".
type Setting struct {
	Flag    string `json:"flag"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Source  string `json:"source"` // "file, line 4", "environment", "command line" or "default"
	// New is the value after a reload. Differs is true if a reload would change it.
	New     string `json:"new"`
	Differs bool   `json:"differs"`
	Restart bool   `json:"restart"` // only a restart can change it
}

// Config is the running configuration.
type Config struct {
	Files    []string  `json:"files"`
	Settings []Setting `json:"settings"` // all of them, in the order of the manual
	Error    string    `json:"error"`    // why the files cannot be read now; "" if they can
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
	// Series has the mean of each step, or for a count its growth per second.
	Series map[string][]Number `json:"series"`
	// Greatest has the greatest value of a flush in each step.
	Greatest map[string][]Number `json:"greatest"`
	// Worst has, for each value, the worst health: 0 for ok, 1 for degraded, 2 for failing.
	Worst map[string][]Number `json:"worst"`
	// Kinds says what the values are: "rate" (per second) or "value".
	Kinds map[string]string `json:"kinds"`
	// Sums are about all flushes of a series, also if several share a step.
	Sums map[string]HistorySum `json:"sums"`
	// Flushes is the number of flushes, or minutes, in the series. Missing is the number that are missing between the
	// first and the last.
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
	MaxAt time.Time `json:"max_at"` // time of Max
}
