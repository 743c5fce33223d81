package operator

import (
	"context"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/meta/question"
)

// ledger shows the account of samples: what was received, and what happened to it. It also shows
// the account of each sink's points.
func (d *Desk) ledger(context.Context, question.Arguments) (any, error) {
	f := figuresOf(d.Daemon)
	rows := []question.Balance{balance("samples",
		f.sum("samples.received"), f.sum("samples.aggregated", "metrics.discarded", "samples.refused"))}
	made := f.ofSinks(".made")
	slices.Sort(made)
	for _, name := range made {
		s := strings.TrimSuffix(name, "made")
		in, out := f.sum(s+"made", s+"recovered"), f.sum(s+"delivered", s+"queued", s+"spooled", s+"dropped")
		what := "rows forwarded"
		if sink, ok := strings.CutPrefix(strings.TrimSuffix(s, ".points."), "sink."); ok {
			what = "points of " + sink
		}
		rows = append(rows, balance(what, in, out))
	}
	return rows, nil
}

func balance(what string, in, out uint64) question.Balance {
	return question.Balance{What: what, In: in, Out: out, Equal: in == out}
}

// sum returns the sum of several figures. Unknown figures count as 0.
func (f figures) sum(names ...string) (sum uint64) {
	for _, name := range names {
		sum += uint64(f.value(name))
	}
	return sum
}
