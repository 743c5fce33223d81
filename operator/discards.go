package operator

import (
	"cmp"
	"context"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

const (
	unknownSender = "unknown"
	noteUnknown   = "some senders are unknown: the first bad line after a minute without bad lines has a known sender only if the daemon runs with --discard-senders=on; the command \"statsdmonitor tail --bad\" shows all senders"
)

func (d *Desk) discards(context.Context, question.Arguments) (any, error) {
	now := d.Daemon.Discards()
	answer := question.Discards{
		Reasons: map[string]uint64{}, Lines: make([]question.BadLine, len(now.Lines)),
		Refused: make([]question.Refused, len(now.Refused)), Collisions: append([]string{}, now.Collisions...),
	}
	for _, f := range now.Reasons {
		answer.Reasons[f.Name] = uint64(f.Value)
	}
	for i := range now.Lines {
		answer.Lines[i] = badLine(&now.Lines[i])
	}
	for i, r := range now.Refused {
		answer.Refused[i] = question.Refused{Limit: r.Limit, Prefix: r.Prefix, Least: r.Min, Most: r.Max}
	}
	answer.Alike = make([]question.Alike, len(now.Alike))
	for i, a := range now.Alike {
		if a.Sender == "" {
			answer.Note = noteUnknown
		}
		answer.Alike[i] = question.Alike{Count15m: a.Count, Reason: a.Reason, Sender: cmp.Or(a.Sender, unknownSender), Last: meta.Quote(a.Last), At: a.At}
	}
	return answer, nil
}

func badLine(l *meta.BadLine) question.BadLine {
	return question.BadLine{Time: l.Time, Sender: senderName(l.Sender), Listener: l.Listener, Reason: l.Reason, Line: meta.Quote(l.Line), At: l.At}
}

func senderName(s meta.Sender) string {
	return cmp.Or(s.String(), unknownSender)
}
