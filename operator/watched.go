package operator

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/meta/question"
)

// maxSeconds is the maximum time for which an answer watches traffic.
const maxSeconds = int(probe.MaxFor / time.Second)

func secondsParameter(byDefault int) question.Parameter {
	return question.Parameter{
		Name: "seconds", Kind: question.Int, Default: byDefault, Min: 1, Max: maxSeconds, Help: "for how many seconds to watch",
	}
}

// watcher watches traffic for the given duration. It returns the data of an answer, and how much
// traffic it watched.
type watcher func(ctx context.Context, args question.Arguments, lasts time.Duration) (any, *probe.Looked, error)

// watched returns a function that watches traffic for some seconds and then answers.
func (d *Desk) watched(f watcher) func(context.Context, question.Arguments) (question.Answer, error) {
	return func(ctx context.Context, args question.Arguments) (question.Answer, error) {
		start := time.Now()
		lasts := time.Duration(args.Int("seconds")) * time.Second
		data, looked, err := f(ctx, args, lasts)
		if err != nil {
			return question.Answer{}, probeError(err)
		}
		return question.Answer{
			AsOf: looked.From.Add(looked.For), Live: true, TookMillis: millis(start),
			LookedAt: lookedAt(looked), Complete: true, Data: data,
		}, nil
	}
}

func lookedAt(l *probe.Looked) *question.LookedAt {
	return &question.LookedAt{Every: l.Every, Seconds: l.For.Seconds(), Of: l.Of, Seen: l.Seen, Receivers: l.Receivers}
}

// relative converts the possible error of an estimated rate to a fraction of the rate. The true rate
// is between rate-either and rate+either.
func relative(either, rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	return either / rate
}
