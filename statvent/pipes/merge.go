package pipes

import (
	"fmt"
	"strings"

	"github.com/statsd-ops/statsd/statvent"
)

// Rule says how the values that several processes have for one name become one.
type Rule int

// The rules.
const (
	Sum  Rule = iota // of all
	Max              // the largest
	Mean             // the sum over the number of processes that have the name; a float
	Last             // of the process that started last
)

var ruleNames = [...]string{"sum", "max", "mean", "last"}

func (r Rule) String() string {
	if r < 0 || int(r) >= len(ruleNames) {
		return "unknown"
	}
	return ruleNames[r]
}

// NameRule is a Rule for the names that Glob matches.
type NameRule struct {
	Glob Glob
	Rule Rule
}

// ParseNameRule reads "GLOB=RULE", as in "*.temperature=max".
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

// DefaultLabels are the labels of statvent.Percentiles. Percentiles of several
// processes cannot be added; their maximum is one that no process exceeds.
func DefaultLabels() map[string]Rule {
	return map[string]Rule{"median": Max, "95th": Max, "99th": Max, "100th": Max, "mean": Mean}
}

// Merger makes one value a name of what the processes of a host have. The pipe
// does not say what a value is, so the name does: the first of Rules that
// matches it, else the label that it ends in, else it is summed.
type Merger struct {
	Rules []NameRule
	// Labels are the ends of recorded names, on their own or after a byte that is
	// neither a letter nor a digit. nil is DefaultLabels.
	Labels map[string]Rule
}

// merged is a name's value on its way.
type merged struct {
	rule  Rule
	value statvent.Value
	n     int
	start uint64 // of the process that value is from, for Last
}

// Merge returns a map of the caller's own. Of processes that started in the same
// clock tick, the later in the slice started last.
func (m *Merger) Merge(processes []Process) map[string]statvent.Value {
	labels := m.Labels
	if labels == nil {
		labels = DefaultLabels()
	}
	all := make(map[string]*merged)
	for _, p := range processes {
		for name, value := range p.Stats {
			if v := all[name]; v != nil {
				v.add(value, p.Start)
			} else {
				all[name] = &merged{rule: m.rule(name, labels), value: value, n: 1, start: p.Start}
			}
		}
	}
	stats := make(map[string]statvent.Value, len(all))
	for name, v := range all {
		stats[name] = v.value
		if v.rule == Mean {
			stats[name] = statvent.Float(v.value.Float64() / float64(v.n))
		}
	}
	return stats
}

func (v *merged) add(value statvent.Value, start uint64) {
	v.n++
	switch v.rule {
	case Max:
		if v.value.Less(value) {
			v.value = value
		}
	case Last:
		if start >= v.start {
			v.value, v.start = value, start
		}
	default:
		v.value = v.value.Add(value)
	}
}

func (m *Merger) rule(name string, labels map[string]Rule) Rule {
	for _, r := range m.Rules {
		if r.Glob.Match(name) {
			return r.Rule
		}
	}
	// The longest label decides; without one, Sum.
	rule, longest := Sum, 0
	for label, r := range labels {
		if before, ok := strings.CutSuffix(name, label); ok && len(label) > longest && !endsInWord(before) {
			rule, longest = r, len(label)
		}
	}
	return rule
}

func endsInWord(s string) bool {
	if s == "" {
		return false
	}
	c := s[len(s)-1]
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
