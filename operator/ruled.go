package operator

import (
	"context"
	"fmt"
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// judged is what the rules of --rules do with a name.
type judged struct {
	text    string // description of the effect; "" without rules
	dropped bool
}

// judge applies the rules to a subject, and sets the subject's name in the table. Rules can depend
// on the kind. If the kind is not known, judge uses the first kind for which a rule matches.
func (e *explanation) judge(s *subject) (j judged) {
	s.clean = s.name
	if e.Set == nil {
		return judged{}
	}
	kinds := []metric.Kind{metric.Counter, metric.Gauge, metric.Timer, metric.Set}
	if s.sample != nil {
		kinds = []metric.Kind{s.sample.Kind}
	}
	resolver := naming.NewResolver(e.Naming, e.Naming.Tagger(), e.Set)
	for _, kind := range kinds {
		var to aggregate.Resolved
		resolver.Judge(kind, []byte(s.clean), &to)
		if j = e.verdictOf(s, kind, &to); to.Rules != [2]uint16{} {
			if s.sample == nil && len(e.Set.Rule(int(max(to.Rules[0], to.Rules[1]))-1).Kinds()) > 0 {
				j.text += fmt.Sprintf(" (of a %s)", kind)
			}
			break
		}
	}
	return j
}

// verdictOf describes what the rules do with a subject, and sets the subject's name in the table.
func (e *explanation) verdictOf(s *subject, kind metric.Kind, to *aggregate.Resolved) judged {
	plain, _, _ := strings.Cut(s.clean, ";")
	if !e.Limits.Tagged {
		plain = s.clean
	}
	explained := e.Set.Explain(kind, []byte(plain))
	j := judged{dropped: to.Reason != metric.None}
	var words []string
	if n := to.Rules[1]; n > 0 {
		words = append(words, ruleWords(e.Set.Rule(int(n)-1))+" only counts its samples")
	}
	rule := explained.Armed
	switch {
	case rule == nil && j.dropped:
		words = append(words, "no rule matches, and such names are dropped (unmatched: drop)")
	case rule == nil:
		words = append(words, "no rule matches")
	case rule.Action == rules.Drop:
		words = append(words, ruleWords(rule)+" drops its samples")
	case j.dropped:
		words = append(words, ruleWords(rule)+" makes its name empty, so its samples are dropped")
	case string(to.Name) != s.clean:
		words = append(words, ruleWords(rule)+" makes it "+shown(string(to.Name)))
	default:
		words = append(words, ruleWords(rule)+" keeps it")
	}
	if !j.dropped {
		s.name = string(to.Name)
		words = append(words, effectWords(rule)...)
	}
	var others []string
	for _, o := range explained.Others {
		others = append(others, ruleWords(o))
	}
	if len(others) > 0 {
		words = append(words, "it also matches "+strings.Join(others, ", "))
	}
	j.text = strings.Join(words, "; ")
	return j
}

// ruleWords describes a rule in a few words.
func ruleWords(r *rules.Rule) string {
	return fmt.Sprintf("rule %s (line %d: %s)", r.ID, r.Line, shown(r.Match))
}

// effectWords describes the other effects of a rule: its ttl, and the meaning of a + or - before a
// value.
func effectWords(r *rules.Rule) (words []string) {
	if r == nil {
		return nil
	}
	if r.TTL > 0 {
		words = append(words, "ttl "+plural.Duration(r.TTL))
	}
	switch r.Sign {
	case rules.Absolute:
		words = append(words, "a + or - before the value is part of the value")
	case rules.Delta:
		words = append(words, "a value with + or - adjusts the gauge")
	}
	return words
}

// ruled adds a step to the explanation, which says what the rules do with the name.
func (e *explanation) ruled(j judged) {
	switch {
	case j.text == "":
	case j.dropped:
		e.bad("rule", metric.DroppedByRule, j.text)
	default:
		e.step("rule", j.text)
	}
}

// rulesOf returns how often each rule has matched.
func (d *Desk) rulesOf(ctx context.Context, _ question.Arguments) (any, error) {
	var counts []naming.Count
	if err := d.onLoop(ctx, func(r *Running) { counts = r.Counts }); err != nil {
		return nil, err
	}
	answer := question.Rules{Rules: make([]question.Rule, len(counts))}
	f := figuresOf(d.Daemon)
	answer.Dropped = f.sum("samples.refused.rules")
	for i := range counts {
		c := &counts[i]
		answer.Rules[i] = question.Rule{
			ID: c.Rule.ID, Line: c.Rule.Line, Match: c.Rule.Match, Kind: c.Rule.Kinds(), Action: c.Rule.Action.String(),
			Counting: c.Rule.Count, Samples: c.Samples, PerSecond: question.Number(float64(c.Latest) / d.Interval.Seconds()), Last: c.Last,
		}
	}
	return answer, nil
}
