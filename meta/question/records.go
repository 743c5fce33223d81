package question

import "time"

// Discards describes bad and refused samples.
type Discards struct {
	Reasons    map[string]uint64 `json:"reasons"` // number of samples since the start, by reason
	Lines      []BadLine         `json:"lines"`   // newest first
	Alike      []Alike           `json:"alike"`
	Refused    []Refused         `json:"refused"`
	Collisions []string          `json:"collisions"`
	Note       string            `json:"note"` // why some senders are unknown; "" if all are known
}

// BadLine is a line with at least one bad sample.
type BadLine struct {
	Time   time.Time `json:"time"`
	Sender string    `json:"sender"`
	// Listener is the name of the listener that has received the line. It is empty if --port is the
	// only listener.
	Listener string `json:"listener"`
	Reason   string `json:"reason"`
	Line     string `json:"line"`
	At       int    `json:"at"`
}

// Alike counts the bad lines of a sender that have the same reason.
type Alike struct {
	Count15m uint64 `json:"count_15m"`
	Reason   string `json:"reason"`
	Sender   string `json:"sender"`
	Last     string `json:"last"`
	At       int    `json:"at"` // position of the fault in the last line, as a byte index
}

// Rules has the rules for names, in the order of the file.
type Rules struct {
	Rules   []Rule `json:"rules"`
	Dropped uint64 `json:"dropped"` // number of samples that rules have dropped since the start
}

// Rule is a rule for names, and the number of its matches.
type Rule struct {
	ID        string    `json:"id"` // id in the file, or the number of the rule
	Line      int       `json:"line"`
	Match     string    `json:"match"`
	Kind      string    `json:"kind"`     // value of match_metric_type in the file; "" for all kinds
	Action    string    `json:"action"`   // map, drop or keep
	Counting  bool      `json:"counting"` // the rule only counts samples (mode: count)
	Samples   uint64    `json:"samples"`  // number of samples that the rule has matched since the start
	PerSecond Number    `json:"per_second"`
	Last      time.Time `json:"last"` // end of the last flush interval with a match; zero if there was none
}

// Refused is the number of good samples that were refused because of a limit.
type Refused struct {
	Limit  string `json:"limit"`
	Prefix string `json:"prefix"`
	Least  uint64 `json:"least"`
	Most   uint64 `json:"most"`
}

// Alert is an episode: the time during which a health reason is active, with the messages to
// notifiers.
type Alert struct {
	ID      string    `json:"id"`
	Reason  string    `json:"reason"`
	Subject string    `json:"subject"`
	State   string    `json:"state"`
	Text    string    `json:"text"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"` // zero if the reason is still active
	Told    []Told    `json:"told"`
}

// Told has the messages to a notifier.
type Told struct {
	Notifier string  `json:"notifier"`
	Begin    Telling `json:"begin"`
	Change   Telling `json:"change"`
	End      Telling `json:"end"`
}

// Telling describes the delivery of a message to a notifier.
type Telling struct {
	State string    `json:"state"` // none, waiting, told or given_up
	Time  time.Time `json:"time"`
	Tries int       `json:"tries"`
	Error string    `json:"error"`
}

// Alerts has the last episodes and the last changes that operators requested, both newest first.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
	Audit  []Audit `json:"audit"`
}

// Audit is a change that an operator has requested. The change may have been refused.
type Audit struct {
	Time    time.Time `json:"time"`
	Who     string    `json:"who"` // name of the token
	Address string    `json:"address"`
	Change  string    `json:"change"`
	Args    string    `json:"args"`
	Result  string    `json:"result"`
}

// Setting is a flag with its current value. Secrets are shown as "***".
type Setting struct {
	Flag    string `json:"flag"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Source  string `json:"source"` // "file, line 4", "environment", "command line" or "default"
	// New is the value that the flag would have after a reload. Differs is true if this value is
	// different.
	New     string `json:"new"`
	Differs bool   `json:"differs"`
	Restart bool   `json:"restart"` // a change needs a restart
}

// Config has the running configuration.
type Config struct {
	Files    []string  `json:"files"`
	Settings []Setting `json:"settings"` // all settings, in the order of the manual
	Error    string    `json:"error"`    // why the files cannot be read now; "" if they can be read
}

// Balance is a row of the ledger of samples or points. In and Out must be equal.
type Balance struct {
	What  string `json:"what"`
	In    uint64 `json:"in"`
	Out   uint64 `json:"out"`
	Equal bool   `json:"equal"`
}

// History has series of values at the same times. Value i is for the step that ends at From plus i
// steps. It is NaN (null in JSON) if no flush occurred in the step.
type History struct {
	From time.Time `json:"t0"`   // time of the first value
	Step float64   `json:"step"` // in seconds
	// Series has the mean of each step. For a count, it has the growth per second.
	Series map[string][]Number `json:"series"`
	// Greatest has the maximum of all flushes in each step.
	Greatest map[string][]Number `json:"greatest"`
	// Worst has the worst health in each step: 0 is ok, 1 is degraded, 2 is failing.
	Worst map[string][]Number `json:"worst"`
	// Kinds says what the values of a series are: "rate" (per second) or "value".
	Kinds map[string]string `json:"kinds"`
	// Sums has a summary of each series. It is computed from all flushes, not from the means of the steps.
	Sums map[string]HistorySum `json:"sums"`
	// Flushes is the number of flushes in the series. The older part of a history has one record for each minute, not
	// for each flush. There, Flushes and Missing count minutes. Missing is the number of flushes or minutes that are
	// missing between the first and the last.
	Flushes int      `json:"flushes"`
	Missing int      `json:"missing"`
	Notes   []string `json:"notes"` // such as "no history of PATH; a history is kept from now on"
}

// HistorySum is a summary of a series.
type HistorySum struct {
	Min   Number    `json:"min"`
	Mean  Number    `json:"mean"`
	Max   Number    `json:"max"`
	Last  Number    `json:"last"`
	MaxAt time.Time `json:"max_at"` // time of the maximum
}
