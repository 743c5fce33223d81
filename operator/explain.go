package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// These limit the size of an explanation.
const (
	maxParsed   = 32 // maximum number of listed values of a line
	maxSubjects = 4  // maximum number of explained names of a line
)

// explanation builds the answer to the query "explain".
type explanation struct {
	*Desk
	*trial
	ctx     context.Context
	now     time.Time
	seconds int
	answer  question.Explanation
}

// subject is a name that is explained. If the name is from a line, only the kind of the line's
// sample is explained. Otherwise, all kinds of the name are explained.
type subject struct {
	sent   string // the name in the line
	series string // the name with its tags, if tags are a part of names
	clean  string // the cleaned name, before the rules are applied
	name   string // the name in the table, after the rules
	sample *metric.Sample
	facts  nameFacts
}

// explain explains what happens to a line, or what the daemon knows about a name.
func (d *Desk) explain(ctx context.Context, args question.Arguments) (any, error) {
	text := args.Text("text")
	var running Running
	if err := d.onLoop(ctx, func(r *Running) { running = *r }); err != nil {
		return nil, err
	}
	e := &explanation{Desk: d, trial: newTrial(&running), ctx: ctx, now: time.Now(), seconds: args.Int("seconds")}
	e.answer = question.Explanation{Text: shown(text), Steps: []question.Step{}, Near: []string{}}
	explained := e.name
	if strings.ContainsAny(text, ":|\n") {
		explained = e.line
	}
	if err := explained(text); err != nil {
		return nil, err
	}
	return e.answer, nil
}

// step adds a step to the answer.
func (e *explanation) step(name, text string) *question.Step {
	e.answer.Steps = append(e.answer.Steps, question.Step{Name: name, OK: true, Text: text})
	return &e.answer.Steps[len(e.answer.Steps)-1]
}

// bad adds a step that says why the sample is refused.
func (e *explanation) bad(name string, reason metric.Reason, text string) *question.Step {
	s := e.step(name, text)
	s.OK, s.Reason = false, reason.String()
	return s
}

// line explains a line. If the line is bad, the last step says why it is refused.
func (e *explanation) line(text string) error {
	verdicts := e.read(text)
	if len(verdicts) == 0 {
		e.step("parsed", "white space only: ignored, not counted")
	}
	var subjects []subject
	for i := range verdicts {
		v := &verdicts[i]
		if i >= maxParsed {
			e.step("parsed", fmt.Sprintf("and %d more values", len(verdicts)-i))
			break
		}
		e.parsed(text, v)
		if v.item != wire.Sample || v.reason != metric.None || len(subjects) == maxSubjects {
			continue
		}
		if !slices.ContainsFunc(subjects, func(s subject) bool { return s.name == v.name && s.sample.Kind == v.sample.Kind }) {
			sent, _, _ := strings.Cut(text[v.at:], ":")
			subjects = append(subjects, subject{sent: sent, series: string(v.sample.Name), name: v.name, sample: &v.sample})
		}
	}
	e.answer.Known = len(subjects) == 0
	for i := range subjects {
		if err := e.subject(&subjects[i]); err != nil {
			return err
		}
	}
	return nil
}

// name explains a name or a published path.
func (e *explanation) name(text string) error {
	v := e.readName(text)
	if v.reason != metric.None {
		e.bad("name", v.reason, e.because(text, &v))
		return nil
	}
	s := subject{sent: text, series: string(v.sample.Name), name: v.name}
	return e.subject(&s)
}

// subject adds the steps about a name.
func (e *explanation) subject(s *subject) (err error) {
	rule := e.judge(s)
	if s.facts, err = e.look(e.ctx, e.Running, s); err != nil {
		return err
	}
	if s.sample == nil && !s.facts.held() {
		return e.unknown(s, rule)
	}
	e.answer.Known = e.answer.Known || s.facts.held()
	e.cleaned(s)
	if e.ruled(rule); rule.dropped && !s.facts.held() {
		return e.senders(s.clean)
	}
	e.rules(s)
	for _, kind := range s.kinds() {
		e.kind(s, kind)
		e.published(aggregate.Origin{Kind: kind, Name: s.name})
	}
	e.seen(s)
	if err := e.senders(s.name); err != nil {
		return err
	}
	e.sinks()
	if !s.facts.held() {
		return e.near(s)
	}
	return nil
}

// unknown explains a name that is not in the table. The text may also be a published path.
func (e *explanation) unknown(s *subject, rule judged) error {
	if e.isPath(s.sent) {
		return nil
	}
	e.cleaned(s)
	step := &e.answer.Steps[len(e.answer.Steps)-1]
	why := "not known: no sample was received recently"
	if e.muted(s.name) != unmuted {
		why = "not known, because its samples are muted"
	}
	if rule.dropped {
		why = "not known, because a rule drops its samples"
	}
	step.OK, step.Text = false, step.Text+"  "+why
	if e.ruled(rule); rule.dropped {
		return e.senders(s.clean)
	}
	e.rules(s)
	if err := e.senders(s.name); err != nil { // clients may still send a name that is not in the table
		return err
	}
	return e.near(s)
}

// isPath reports whether a text is a published path. If it is, isPath explains it.
func (e *explanation) isPath(path string) bool {
	if e.Values == nil {
		return false
	}
	value, ok := e.Values.Path(path)
	if !ok {
		return false
	}
	e.answer.Known = true
	text := "a path that the daemon publishes about itself"
	var from []string
	for _, o := range e.Scheme.Origins(path, e.Limits.Tagged) {
		if facts, err := e.look(e.ctx, e.Running, &subject{name: o.Name}); err == nil && facts.kinds[o.Kind].held {
			from = append(from, fmt.Sprintf("%s %s", o.Kind, o.Name))
		}
	}
	if len(from) > 0 {
		text = "a path of the " + strings.Join(from, " and the ")
	}
	e.step("name", shown(path)+" is not the name of a sample, but "+text)
	e.values(path, []question.PathValue{pathValue(&value)})
	e.sinks()
	return true
}

// shown returns received text as printable ASCII. If the text has other characters, it is quoted.
func shown(text string) string {
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == '"' }
	if strings.ContainsFunc(strings.ReplaceAll(text, " ", "_"), odd) || len(text) > meta.QuoteLimit {
		return meta.Quote([]byte(text))
	}
	return text
}

func (d *Desk) explainQuestion() question.Question {
	return question.Question{
		Name: "explain", Answer: question.Explanation{}, Ask: d.live(d.explain), Watch: "seconds", Guarded: true,
		Parameters: []question.Parameter{
			{Name: "text", Required: true, Min: 1, Help: "a line, or a name"},
			{Name: "seconds", Kind: question.Int, Max: 30, Help: "for how many seconds to watch who sends the name"},
		},
		Help: "What happens to a line, or what the daemon knows about a name: how the name is read, cleaned, limited and published, its values, its senders, and the sinks that have accepted it. The daemon only explains the line, and does not count it as received.",
	}
}
