package operator

import (
	"context"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

func (d *Desk) health(context.Context, question.Arguments) (any, error) {
	return healthOf(d.Daemon.Health()), nil
}

func healthOf(h meta.Health) question.Health {
	answer := question.Health{State: h.State.String(), Since: h.Since, Reasons: make([]question.Reason, len(h.Reasons))}
	for i, r := range h.Reasons {
		state := r.State.String()
		if r.State == meta.OK {
			state = "note"
		}
		answer.Reasons[i] = question.Reason{
			ID: r.ID, State: state, Subject: r.Subject, Text: r.Text, Since: r.Since, Effect: r.Effect, Next: r.Next, Clears: r.Clears,
		}
	}
	return answer
}

func (d *Desk) figures(context.Context, question.Arguments) (any, error) {
	figures := map[string]float64{}
	for _, f := range d.Daemon.Figures() {
		figures[f.Name] = f.Value
	}
	return figures, nil
}

func (d *Desk) config(context.Context, question.Arguments) (any, error) {
	if d.Config == nil {
		return nil, question.Errorf(question.NotFound, "", "the settings are not known: the daemon runs inside another program")
	}
	return d.Config(), nil
}

func (d *Desk) alerts(_ context.Context, args question.Arguments) (any, error) {
	answer := question.Alerts{Alerts: []question.Alert{}, Audit: []question.Audit{}}
	for _, e := range d.Episodes.Last(args.Int("limit")) {
		alert := question.Alert{
			ID: e.ID, Reason: e.Reason, Subject: e.Subject, State: e.State.String(), Text: e.Text,
			Began: e.Began, Ended: e.Ended, Told: make([]question.Told, len(e.Told)),
		}
		for i := range e.Told {
			t := &e.Told[i]
			alert.Told[i] = question.Told{Notifier: t.Notifier, Begin: tellingOf(t.Begin), Change: tellingOf(t.Change), End: tellingOf(t.End)}
		}
		answer.Alerts = append(answer.Alerts, alert)
	}
	if d.Audit != nil {
		answer.Audit = d.Audit()
	}
	return answer, nil
}

func tellingOf(o meta.Outcome) question.Telling {
	return question.Telling{State: o.Word(), Time: o.At, Tries: o.Tries, Error: o.Error}
}
