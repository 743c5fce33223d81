package pipes

import (
	"fmt"
	"strings"

	"github.com/statsd-ops/statsd/statvent"
)

// Rule determines how the values of several processes for the same name are merged.
type Rule int

// The merge rules.
const (
	Sum  Rule = iota // the sum of all values
	Max              // the largest value
	Mean             // the sum divided by the number of processes with this name, as a float
	Last             // the value of the process that started last
)

var ruleNames = [...]string{"sum", "max", "mean", "last"}

func (r Rule) String() string {
	if r < 0 || int(r) >= len(ruleNames) {
		return "unknown"
	}
	return ruleNames[r]
}

// NameRule is a Rule for all names that match Glob.
type NameRule struct {
	Glob Glob
	Rule Rule
}

// ParseNameRule parses "GLOB=RULE", such as "*.temperature=max".
func ParseNameRule(s string) (NameRule, error) {
	cut := strings.LastIndexByte(s, '=')
	if cut < 0 {
		return NameRule{}, fmt.Errorf("%q is not GLOB=RULE: no equals sign", s)
	}
	glob, err := ParseGlob(s[:cut])
	if err != nil {
		return NameRule{}, err
	}
	for i, name := range ruleNames {
		if name == s[cut+1:] {
			return NameRule{glob, Rule(i)}, nil
		}
	}
	return NameRule{}, fmt.Errorf("%q: %q is not one of %s", s, s[cut+1:], strings.Join(ruleNames[:], ", "))
}

// DefaultLabels returns the rules for the labels of statvent.Percentiles. The percentile of all samples together cannot
// be computed from the percentiles of the processes. But it is never greater than their maximum, so Max is used.
func DefaultLabels() map[string]Rule {
	return map[string]Rule{"median": Max, "95th": Max, "99th": Max, "100th": Max, "mean": Mean}
}

// Merger merges the stats of several processes into one value for each name. A pipe does not contain the types of
// stats, so the rule depends on the name. The first of Rules that matches the name is used. If none matches, but
// statvent.Record has created the stat, the rule of its label is used. In all other cases, the values are summed.
type Merger struct {
	Rules []NameRule
	// Labels are the last parts of names that Record creates. If Labels is nil, DefaultLabels is used. A name counts
	// as created by Record if the same process has a stat for each of the labels, as in lat.median, lat.95th,
	// lat.99th, lat.100th and lat.mean. A single "queue.mean" is an ordinary stat.
	Labels map[string]Rule
}

// merged contains the value of a name for each rule.
type merged struct {
	sum, max, last statvent.Value
	n              int
	start          uint64 // start time of the process that the value in last comes from
	label          Rule   // the rule of the name's label, or Sum
}

// Merge returns a new map with the merged stats. If two processes started in the same clock tick,
// the process that is later in the slice counts as the last one.
func (m *Merger) Merge(processes []Process) map[string]statvent.Value {
	labels := m.Labels
	if labels == nil {
		labels = DefaultLabels()
	}
	all := make(map[string]*merged)
	for _, p := range processes {
		for name, value := range p.Stats {
			v := all[name]
			if v == nil {
				v = &merged{max: value}
				all[name] = v
			}
			v.add(value, p.Start)
			if v.label == Sum {
				v.label = labelRule(name, p.Stats, labels)
			}
		}
	}
	stats := make(map[string]statvent.Value, len(all))
	for name, v := range all {
		stats[name] = v.value(m.rule(name, v.label))
	}
	return stats
}

func (v *merged) add(value statvent.Value, start uint64) {
	v.n++
	v.sum = v.sum.Add(value)
	if v.max.Less(value) {
		v.max = value
	}
	if start >= v.start {
		v.last, v.start = value, start
	}
}

func (v *merged) value(rule Rule) statvent.Value {
	switch rule {
	case Max:
		return v.max
	case Mean:
		return statvent.Float(v.sum.Float64() / float64(v.n))
	case Last:
		return v.last
	default:
		return v.sum
	}
}

// rule returns the rule for a name: the first rule that matches, or the rule of the label if none matches.
func (m *Merger) rule(name string, label Rule) Rule {
	for _, r := range m.Rules {
		if r.Glob.Match(name) {
			return r.Rule
		}
	}
	return label
}

// labelRule returns the rule of the longest label at the end of name. A label counts only if stats also contains the
// same name with each of the other labels. If no label counts, labelRule returns Sum.
func labelRule(name string, stats map[string]statvent.Value, labels map[string]Rule) Rule {
	rule, longest := Sum, 0
	for label, r := range labels {
		if before, ok := strings.CutSuffix(name, label); ok && len(label) > longest && hasAll(stats, before, labels) {
			rule, longest = r, len(label)
		}
	}
	return rule
}

func hasAll(stats map[string]statvent.Value, before string, labels map[string]Rule) bool {
	name := make([]byte, 0, 128)
	for label := range labels {
		name = append(append(name[:0], before...), label...)
		if _, ok := stats[string(name)]; !ok {
			return false
		}
	}
	return true
}
