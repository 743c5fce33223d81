package rules

import "github.com/statsd-ops/statsd/metric"

// Explanation says what a Set does with a name, and which rules match the name.
type Explanation struct {
	Result
	// Armed is the rule that decides what happens to the name, or nil if there is none. If Rule only
	// counts samples, it decides nothing, and Armed is another rule. Otherwise, Armed equals Rule.
	Armed *Rule
	// Others are the other rules that match the name, in the order of their priority.
	Others []*Rule
}

// Explain says what Map does with a name, and lists all rules that match the name. It tries every
// rule, so it is too slow to call it for each sample.
func (s *Set) Explain(kind metric.Kind, name []byte) Explanation {
	var e Explanation
	s.Map(kind, name, &e.Result)
	if e.Armed = e.Rule; e.Rule != nil && e.Rule.Count {
		var armed Result
		s.Try(kind, name, &armed)
		e.Armed = armed.Rule
	}
	var later []*Rule // rules with a regular expression
	for i := range s.rules {
		rule := &s.rules[i]
		switch {
		case rule == e.Rule || rule == e.Armed || !rule.matches(kind, name):
		case rule.glob || s.fileOrder:
			e.Others = append(e.Others, rule)
		default:
			later = append(later, rule)
		}
	}
	e.Others = append(e.Others, later...)
	return e
}

// matches reports whether a rule matches a name, ignoring all other rules.
func (r *Rule) matches(kind metric.Kind, name []byte) bool {
	if !r.kinds.has(kind) {
		return false
	}
	if !r.glob {
		return r.regex.Match(name)
	}
	alone := Set{rules: []Rule{*r}}
	alone.globs[kind].add(components(r.Match), 0)
	return alone.findGlob(kind, name, &Result{}) == 0
}
