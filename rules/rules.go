// Package rules applies files of rules to names. A rule matches names by a glob or a regular expression. It gives them
// another name and labels, or drops them.
//
//	set, err := rules.Load(text, rules.Mapping)
//	var r rules.Result
//	set.Map(metric.Counter, []byte("web.eu.requests"), &r)
//	// r.Rule is the rule that matched, r.Name and r.Labels are its results
//
// The files have statsd_exporter's format: every file for statsd_exporter means the same here, and the same YAML reader
// reads it. docs/prometheus.md describes them, with the extensions.
//
// Call Map once for each name, not for each sample. Its cost is limited: it searches the globs in one walk over a tree
// of their components, and then tries all regular expressions, each in time linear in the length of the name.
package rules

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Action is what a rule does with matching names.
type Action uint8

// The actions.
const (
	Map  Action = iota // give the name another name and labels
	Drop               // ignore the name
	Keep               // leave the name unchanged; later rules do not see it. Only at intake.
)

var actionNames = [...]string{"map", "drop", "keep"}

func (a Action) String() string { return actionNames[a] }

// Observer is the form of the values of a timer on a page.
type Observer uint8

// The forms of a timer.
const (
	Summary Observer = iota
	Histogram
)

// Sign is the meaning of a sign in front of a gauge's value.
type Sign uint8

// The meanings of a sign.
const (
	AnySign  Sign = iota // according to the daemon's setting
	Absolute             // it belongs to the number
	Delta                // it adjusts the gauge
)

// Options say how a series is kept and shown.
type Options struct {
	Observer   Observer
	Quantiles  []float64     // quantiles of a summary, in the order of the file
	MaxAge     time.Duration // length of the window for quantiles
	AgeBuckets int           // number of parts of the window
	Bounds     []float64     // upper bounds of a histogram's buckets, rising, without the infinite one
	// NativeFactor is the greatest growth from one bucket of a native histogram to the next. NativeMax is the
	// greatest number of buckets. A NativeFactor of 1 or less means no native buckets.
	NativeFactor float64
	NativeMax    int
	TTL          time.Duration // a series without samples for this time is removed; 0: never
	Scale        float64       // values are multiplied by it
	HonorLabels  bool          // a tag has priority over a label of the rule
	Help         string
}

// Rule is a rule of a file.
type Rule struct {
	Options
	// ID is the rule's id in the file, or its number, from 1.
	ID string
	// Number is the rule's place in the file, from 0, and Line the line where it begins.
	Number, Line int
	// Match is the glob or regular expression as written.
	Match  string
	Action Action
	// Count says that the rule only counts matching samples, and changes nothing.
	Count bool
	// Sign is the meaning of a sign in the gauges that the rule matches.
	Sign Sign

	kinds  kinds
	glob   bool
	regex  *regexp.Regexp // nil for a glob
	name   template
	labels []labelTemplate // sorted by name
}

// Renames reports whether both rules give the same new names to the same names.
func (r *Rule) Renames(o *Rule) bool {
	return r.Action == Map && o.Action == Map && r.Count == o.Count && r.Match == o.Match && r.glob == o.glob && r.kinds == o.kinds &&
		r.HonorLabels == o.HonorLabels && r.name.text == o.name.text &&
		slices.EqualFunc(r.labels, o.labels, func(a, b labelTemplate) bool { return a.name == b.name && a.value.text == b.value.text })
}

// Kinds returns the kinds that the rule matches, with the names of match_metric_type; "" for all.
func (r *Rule) Kinds() string {
	for name, kinds := range kindNames {
		if r.kinds == kinds {
			return name
		}
	}
	return ""
}

// Labels reports whether the rule gives labels.
func (r *Rule) Labels() bool { return len(r.labels) > 0 }

// kinds is a set of kinds.
type kinds uint8

const allKinds = kinds(1<<metric.Kinds - 1)

func (k kinds) has(kind metric.Kind) bool { return k>>kind&1 != 0 }

type labelTemplate struct {
	name  string
	value template
}

// Label is a label that a rule gives.
type Label struct {
	Name  string
	Value []byte
}

// Result is the result of Map for a name. Reuse it to save memory allocations.
type Result struct {
	// Rule is the rule that matched, nil if none did. The other fields are only for a rule that maps.
	Rule *Rule
	// Name is made by the rule's template. It can be empty, or contain any bytes of the name.
	Name []byte
	// Labels are sorted by name.
	Labels []Label

	captures [][]byte
	best     []int // where the captures of the best glob so far begin and end
	stack    []int
	found    int
	buffer   []byte
}

// Set is the rules of one file. It does not change.
type Set struct {
	// Defaults are the options of names that no rule matches.
	Defaults Options
	// DropUnmatched says that names that no rule matches are dropped.
	DropUnmatched bool

	sum       [sha256.Size]byte // of the file
	warnings  []Warning
	armed     *Set // the same without rules that only count; nil if there are none of these
	rules     []Rule
	globs     [metric.Kinds]node
	regexes   []int // numbers of the rules with a regular expression
	unordered bool  // of several globs the most specific one counts, not the first
	fileOrder bool  // globs and regular expressions count in the order of the file
}

// Warnings are hints about rules that may not do what their author expects.
func (s *Set) Warnings() []Warning { return s.warnings }

// Len returns the number of rules.
func (s *Set) Len() int { return len(s.rules) }

// Rule returns the rule with a number.
func (s *Set) Rule(number int) *Rule { return &s.rules[number] }

// Same reports whether both sets come from the same text. A nil Set is not the same as any Set.
func (s *Set) Same(o *Set) bool { return s != nil && o != nil && s.sum == o.sum }

// SetTTL sets the ttl of names that no rule matches, and of rules without one, unless the file has a
// default. Call it only before the Set is in use.
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

// Try does the same as Map, but ignores rules that only count. If such a rule would match, Try returns that
// rule.
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

// expand makes the name and the labels of r.Rule.
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
