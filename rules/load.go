package rules

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Purpose says what a rules file is used for. It decides which keys a rule may have.
type Purpose uint8

// The values of Purpose.
const (
	Mapping Purpose = iota // mapping of names to Prometheus series
	Intake                 // rules for the names of received samples
)

// Warning is a hint that a rule may not do what its author expects.
type Warning struct {
	Line int
	Rule string // ID of the rule
	Text string
}

func (w Warning) String() string { return fmt.Sprintf("line %d, rule %s: %s", w.Line, w.Rule, w.Text) }

// Load makes a Set from the text of a file. The error contains the line and the rule at fault.
func Load(text []byte, purpose Purpose) (*Set, error) {
	f, err := readFile(text)
	if err != nil {
		return nil, err
	}
	set := &Set{sum: sha256.Sum256(text), unordered: f.Defaults.GlobDisableOrdering}
	l := loader{file: f, purpose: purpose, set: set, sets: []*Set{set}, ids: map[string]bool{}}
	if slices.ContainsFunc(f.Rules, func(r fileRule) bool { return r.Mode == modes[1] }) {
		set.armed = &Set{unordered: set.unordered}
		l.sets = append(l.sets, set.armed)
	}
	if err := l.readDefaults(); err != nil {
		return nil, fmt.Errorf("defaults: %w", err)
	}
	for i := range f.Rules {
		r := &f.Rules[i]
		rule := Rule{Number: i, Line: r.line, ID: strconv.Itoa(i + 1)}
		if r.ID != "" {
			rule.ID = r.ID
		}
		if err := l.readRule(r, &rule); err != nil {
			return nil, fmt.Errorf("line %d, rule %s: %w", rule.Line, rule.ID, err)
		}
		l.set.rules = append(l.set.rules, rule)
	}
	if armed := l.set.armed; armed != nil {
		armed.rules, armed.fileOrder = l.set.rules, l.set.fileOrder
	}
	l.findShadowed()
	slices.SortStableFunc(l.warnings, func(a, b Warning) int { return a.Line - b.Line })
	l.set.warnings = l.warnings
	return l.set, nil
}

// loader makes a Set from a file.
type loader struct {
	file     *file
	purpose  Purpose
	set      *Set
	sets     []*Set // the first set has all rules; if some rules only count samples, there is a second set without these rules
	ids      map[string]bool
	warnings []Warning
}

func (l *loader) warn(rule *Rule, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{rule.Line, rule.ID, fmt.Sprintf(format, args...)})
}

// The defaults are the same as in statsd_exporter.
var (
	defaultQuantiles = []float64{0.5, 0.9, 0.99}
	defaultBounds    = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
)

const (
	defaultMaxAge     = 10 * time.Minute
	defaultAgeBuckets = 5
)

// readDefaults reads the defaults in the file. It adds the values that the file does not set.
func (l *loader) readDefaults() (err error) {
	d, o := &l.file.Defaults, &l.set.Defaults
	if l.purpose == Intake {
		if err := onlyMapping(d.ObserverType != "", "observer_type", d.Summary.set(), "summary_options", d.Histogram.set(), "histogram_options"); err != nil {
			return err
		}
	}
	if d.MatchType, err = word("match_type", d.MatchType, matchTypes); err != nil {
		return err
	}
	if d.Order, err = word("order", d.Order, []string{"type", "file"}); err != nil {
		return err
	}
	if d.Unmatched, err = word("unmatched", d.Unmatched, []string{"keep", "drop"}); err != nil {
		return err
	}
	l.set.fileOrder, l.set.DropUnmatched = d.Order == "file", d.Unmatched == "drop"
	if o.Observer, err = observer(d.ObserverType); err != nil {
		return err
	}
	if o.Scale, o.TTL = 1, time.Duration(d.TTL); o.TTL < 0 {
		return fmt.Errorf("ttl: must be 0 (never) or more, not %v", o.TTL)
	}
	if d.TTL.short() {
		if err := l.shortTTL(&Rule{Line: 1, ID: "defaults"}, o.TTL); err != nil {
			return err
		}
	}
	if o.Quantiles, err = d.Summary.quantiles(defaultQuantiles); err != nil {
		return err
	}
	if o.MaxAge, o.AgeBuckets, err = d.Summary.window(defaultMaxAge, defaultAgeBuckets); err != nil {
		return err
	}
	d.Histogram.native(o)
	o.Bounds, err = d.Histogram.bounds(defaultBounds)
	return err
}

// observer parses the value of observer_type.
func observer(text string) (Observer, error) {
	text, err := word("observer_type", text, []string{"summary", "histogram"})
	if text == "histogram" {
		return Histogram, err
	}
	return Summary, err
}

var matchTypes = []string{"glob", "regex", "glob+"}

// word checks the value of a key. The parameter text is the value. If it is one of the allowed
// words, word returns it. If it is empty, word returns the first allowed word. For any other value,
// word returns an error.
func word(key, text string, words []string) (string, error) {
	if text == "" {
		return words[0], nil
	}
	if !slices.Contains(words, text) {
		return "", fmt.Errorf("%s: must be one of %s, not %q", key, strings.TrimPrefix(strings.Join(words, ", "), ", "), text)
	}
	return text, nil
}

// onlyMapping returns an error if a key is set that only mappings may have. Its arguments are pairs
// of a bool and a key. The bool says whether the key is set.
func onlyMapping(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].(bool) {
			return fmt.Errorf("%s: is for the mapping of a prometheus sink only", pairs[i+1])
		}
	}
	return nil
}

// kindNames are the possible values of match_metric_type.
var kindNames = map[string]kinds{
	"counter":  1 << metric.Counter,
	"gauge":    1 << metric.Gauge,
	"observer": 1 << metric.Timer,
	"set":      1 << metric.Set, // kind that statsd_exporter does not have
}

// findShadowed warns of rules that never apply because an earlier rule matches all of their names.
func (l *loader) findShadowed() {
	var all *Rule // a rule whose regular expression matches every name
	seen := map[string]*Rule{}
	for i := range l.set.rules {
		rule := &l.set.rules[i]
		var by *Rule
		if rule.glob && !l.set.unordered {
			by = l.shadowing(rule)
		} else {
			same := fmt.Sprint(rule.glob, rule.Match)
			if by = seen[same]; by == nil || rule.kinds&^by.kinds != 0 {
				if by = nil; !rule.Count {
					seen[same] = rule
				}
			}
		}
		if by == nil && all != nil && (!rule.glob || l.set.fileOrder) && rule.kinds&^all.kinds == 0 {
			by = all
		}
		if by != nil {
			l.warn(rule, "the rule never applies, because rule %s (line %d) matches all of its names first", by.ID, by.Line)
		}
		if !rule.glob && !rule.Count && all == nil && slices.Contains([]string{"", ".", ".*", ".+", "^.*", ".*$", "^.*$", "(.*)", "(.+)"}, rule.Match) {
			all = rule
		}
	}
}

// shadowing returns an earlier rule whose glob matches all names of a rule's glob, or nil if there
// is none.
func (l *loader) shadowing(rule *Rule) (by *Rule) {
	parts := components(rule.Match)
	for kind := range metric.Kind(metric.Kinds) {
		if !rule.kinds.has(kind) {
			continue
		}
		// The last set has no rules that only count, because such rules do not hide later rules.
		first := l.sets[len(l.sets)-1].globs[kind].covered(parts) - 1
		if first < 0 || first >= rule.Number {
			return nil
		}
		by = &l.set.rules[first]
	}
	return by
}
