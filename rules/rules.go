// Package rules applies the rules in a file to names. A rule matches names with a glob or a regular expression. It
// replaces a name by another name and labels, or drops the samples with this name.
//
//	set, err := rules.Load(text, rules.Mapping)
//	var r rules.Result
//	set.Map(metric.Counter, []byte("web.eu.requests"), &r)
//	// r.Rule is the rule that matched, r.Name and r.Labels are its results
//
// The files have the format of statsd_exporter's mapping files. Package rules gives each file for statsd_exporter the
// same meaning, and uses the same YAML library to parse the file. docs/prometheus.md describes the format and the
// extensions.
//
// Map should be called once for each name, not for each sample. Its cost is limited. It first searches the globs, which
// form a tree of name components. Then it tries all regular expressions. The time for each of them is linear in the
// length of the name.
package rules

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Action is what a rule does with the names that it matches.
type Action uint8

// The values of Action.
const (
	Map  Action = iota // replace the name by another name and labels
	Drop               // drop the samples with the name
	Keep               // keep the name unchanged, and ignore later rules; only in rules for intake
)

var actionNames = [...]string{"map", "drop", "keep"}

func (a Action) String() string { return actionNames[a] }

// Observer says how the values of a timer are shown on a Prometheus page.
type Observer uint8

// The values of Observer.
const (
	Summary Observer = iota
	Histogram
)

// Sign says what a sign in front of a gauge's value means.
type Sign uint8

// The values of Sign.
const (
	AnySign  Sign = iota // the daemon's setting decides what a sign means
	Absolute             // the sign is a part of the number
	Delta                // the value adjusts the gauge
)

// Options say how the values of a series are stored and shown.
type Options struct {
	Observer   Observer
	Quantiles  []float64     // quantiles of a summary, in ascending order
	MaxAge     time.Duration // length of the time window for quantiles
	AgeBuckets int           // number of parts of the window
	Bounds     []float64     // upper bounds of a histogram's buckets in ascending order, without the infinite bound
	// NativeFactor is the maximum ratio of the bounds of a native histogram's bucket. NativeMax is the
	// maximum number of native buckets. A NativeFactor of 1 or less turns native buckets off.
	NativeFactor float64
	NativeMax    int
	TTL          time.Duration // a series without samples for this time is removed; 0 means never
	Scale        float64       // factor by which values are multiplied
	HonorLabels  bool          // if a tag and a label of the rule have the same name, whether the tag has priority
	Help         string
}

// Rule is one rule of a file.
type Rule struct {
	Options
	// ID is the rule's id in the file. If there is none, it is the rule's number, counted from 1.
	ID string
	// Number is the index of the rule in the file, counted from 0. Line is the line where the rule
	// begins.
	Number, Line int
	// Match is the glob or the regular expression as written in the file.
	Match  string
	Action Action
	// Count says that the rule only counts the samples that it matches, and does not change them.
	Count bool
	// Sign says what a sign means in the values of gauges that the rule matches.
	Sign Sign

	kinds  kinds
	glob   bool
	regex  *regexp.Regexp // compiled regular expression; nil if the rule has a glob
	name   template
	labels []labelTemplate // templates of the labels, sorted by the name of the label
}

// Renames reports whether r and o match the same names, and change each name to the same new name.
func (r *Rule) Renames(o *Rule) bool {
	return r.Action == Map && o.Action == Map && r.Count == o.Count && r.Match == o.Match && r.glob == o.glob && r.kinds == o.kinds &&
		r.HonorLabels == o.HonorLabels && r.name.text == o.name.text &&
		slices.EqualFunc(r.labels, o.labels, func(a, b labelTemplate) bool { return a.name == b.name && a.value.text == b.value.text })
}

// Kinds returns the kinds of metrics that the rule matches, in the words of match_metric_type. It
// returns "" if the rule matches all kinds.
func (r *Rule) Kinds() string {
	for name, kinds := range kindNames {
		if r.kinds == kinds {
			return name
		}
	}
	return ""
}

// Labels reports whether the rule adds labels to names.
func (r *Rule) Labels() bool { return len(r.labels) > 0 }

// kinds is a set of metric kinds.
type kinds uint8

const allKinds = kinds(1<<metric.Kinds - 1)

func (k kinds) has(kind metric.Kind) bool { return k>>kind&1 != 0 }

type labelTemplate struct {
	name  string
	value template
}

// Label is a label that a rule adds to a name.
type Label struct {
	Name  string
	Value []byte
}

// Result is the result of Map for one name. Reusing it avoids memory allocations.
type Result struct {
	// Rule is the rule that matched, or nil if there is none. The other fields are set only if the
	// action of the rule is Map.
	Rule *Rule
	// Name is the name that the rule's template gives. It can be empty, and can contain any bytes that
	// the original name contains.
	Name []byte
	// Labels are sorted by name.
	Labels []Label

	captures [][]byte
	best     []int // the start and the end of each capture, for the best glob found so far
	stack    []int
	found    int
	buffer   []byte
}

// Set holds the rules of one file. A Set does not change.
type Set struct {
	// Defaults are the options for names that no rule matches.
	Defaults Options
	// DropUnmatched says that a name is dropped if no rule matches it.
	DropUnmatched bool

	sum       [sha256.Size]byte // checksum of the file
	warnings  []Warning
	armed     *Set // the same set without the rules that have Count set; nil if no rule has Count set
	rules     []Rule
	globs     [metric.Kinds]node
	regexes   []int // numbers of the rules with a regular expression
	unordered bool  // whether the most specific of the matching globs is used; if not, the first of them is used
	fileOrder bool  // whether the order in the file decides between globs and regular expressions
}

// Warnings returns hints about rules that may not do what their author expects.
func (s *Set) Warnings() []Warning { return s.warnings }

// Len returns the number of rules.
func (s *Set) Len() int { return len(s.rules) }

// Rule returns the rule with this number, counted from 0.
func (s *Set) Rule(number int) *Rule { return &s.rules[number] }

// Same reports whether both sets were made from the same text. It returns false if one of them is
// nil.
func (s *Set) Same(o *Set) bool { return s != nil && o != nil && s.sum == o.sum }

// SetTTL sets the ttl for names that no rule matches, and for rules that set no ttl. It has no
// effect if the file sets a default ttl. It must be called before the Set is in use.
func (s *Set) SetTTL(ttl time.Duration) {
	if s.Defaults.TTL != 0 {
		return
	}
	s.Defaults.TTL = ttl
	for i := range s.rules {
		if s.rules[i].TTL == 0 {
			s.rules[i].TTL = ttl
		}
	}
}

// Try finds the rule for a name and stores the result in r, like Map, but it ignores rules that
// only count samples. If such a rule matches, Try returns it in the result counting.
func (s *Set) Try(kind metric.Kind, name []byte, r *Result) (counting *Rule) {
	s.Map(kind, name, r)
	if s.armed == nil || r.Rule == nil || !r.Rule.Count {
		return nil
	}
	counting = r.Rule
	s.armed.Map(kind, name, r)
	return counting
}

// Map finds the rule for a name without tags, and stores the result in r.
func (s *Set) Map(kind metric.Kind, name []byte, r *Result) {
	r.Rule, r.Name, r.Labels, r.buffer = nil, r.Name[:0], r.Labels[:0], r.buffer[:0]
	glob := s.findGlob(kind, name, r)
	limit := len(s.rules)
	if glob >= 0 {
		if limit = 0; s.fileOrder {
			limit = glob
		}
	}
	for _, number := range s.regexes {
		if number >= limit {
			break
		}
		rule := &s.rules[number]
		if !rule.kinds.has(kind) {
			continue
		}
		if at := rule.regex.FindSubmatchIndex(name); at != nil {
			r.Rule = rule
			r.expand(name, func(dst []byte, t *template) []byte { return rule.regex.Expand(dst, []byte(t.text), name, at) })
			return
		}
	}
	if glob >= 0 {
		r.Rule = &s.rules[glob]
		r.expand(name, func(dst []byte, t *template) []byte { return t.append(dst, name, r.captures) })
	}
}

// expand makes the name and the labels from the templates of r.Rule.
func (r *Result) expand(name []byte, fill func([]byte, *template) []byte) {
	if r.Rule.Action != Map {
		r.Name = append(r.Name, name...)
		return
	}
	r.Name = fill(r.Name, &r.Rule.name)
	for i := range r.Rule.labels {
		l := &r.Rule.labels[i]
		start := len(r.buffer)
		r.buffer = fill(r.buffer, &l.value)
		r.Labels = append(r.Labels, Label{l.name, r.buffer[start:len(r.buffer):len(r.buffer)]})
	}
}
