package operator

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

// maxTailed is the maximum number of lines in one answer.
const maxTailed = 10_000

func (d *Desk) tailQuestion() question.Question {
	return question.Question{
		Name: "tail", Answer: question.Tail{}, Ask: d.tail, Stream: d.streamTail, Watch: "seconds", Guarded: true,
		Parameters: []question.Parameter{
			{Name: "match", Default: "*", Help: "a pattern (glob): only lines of names that match"},
			{Name: "sender", Help: "only lines from this address, or from this network, such as 10.20.0.0/16; the daemon asks the kernel who sent each datagram only if this parameter or the parameter \"bad\" is set"},
			{Name: "bad", Kind: question.Bool, Default: false, Help: "only bad lines"},
			secondsParameter(10),
			{Name: "limit", Kind: question.Int, Default: 100, Min: 1, Max: probe.MaxLimit, Help: "the maximum number of lines in a second"},
		},
		Help: "Lines as they come in, and what happened to each line: its kind and name, or why the line is bad and at which byte.",
	}
}

func (d *Desk) beginTail(args question.Arguments) (*probe.Tail, error) {
	t, err := d.Probes.Tail(probe.TailQuery{
		Match:  args.Text("match"),
		Sender: args.Text("sender"),
		Bad:    args.Bool("bad"),
		// If the query asks only for bad lines, the answer also shows their senders.
		Senders: args.Bool("bad"),
		For:     time.Duration(args.Int("seconds")) * time.Second,
		Limit:   args.Int("limit"),
	})
	if err != nil {
		return nil, probeError(err)
	}
	return t, nil
}

func (d *Desk) tail(ctx context.Context, args question.Arguments) (question.Answer, error) {
	start := time.Now()
	t, err := d.beginTail(args)
	if err != nil {
		return question.Answer{}, err
	}
	defer t.Close()
	lines := []question.Line{}
	complete := true
	for complete {
		line, more, err := nextLine(ctx, t)
		if err != nil {
			return question.Answer{}, err
		}
		if !more {
			break
		}
		lines = append(lines, lineOf(&line))
		complete = len(lines) < maxTailed
	}
	counts := t.Counts()
	return question.Answer{
		AsOf: time.Now(), Live: true, TookMillis: millis(start), LookedAt: lookedAt(&counts.Looked), Complete: complete,
		Data: question.Tail{Lines: lines, Matched: counts.Matching, NotShown: counts.Matching - uint64(len(lines))},
	}, nil
}

// nextLine waits for the next line. If there are no more lines, the result more is false.
func nextLine(ctx context.Context, t *probe.Tail) (line probe.Line, more bool, err error) {
	select {
	case line, more = <-t.Lines:
		return line, more, nil
	case <-ctx.Done():
		return line, false, ctx.Err()
	}
}

// streamTail emits each line. Once a second, and at the end, it also emits how much traffic was
// watched so far.
func (d *Desk) streamTail(ctx context.Context, args question.Arguments, emit func(event string, data any) error) error {
	t, err := d.beginTail(args)
	if err != nil {
		return err
	}
	defer t.Close()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case line, more := <-t.Lines:
			if !more {
				return emit("end", tailLooked(t))
			}
			err = emit("line", lineOf(&line))
		case <-second.C:
			err = emit("looked", tailLooked(t))
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func tailLooked(t *probe.Tail) question.TailLooked {
	c := t.Counts()
	return question.TailLooked{LookedAt: *lookedAt(&c.Looked), Matched: c.Matching, NotShown: c.Skipped}
}

func lineOf(l *probe.Line) question.Line {
	line := question.Line{Time: l.Time, Sender: l.Sender, Over: l.Over.String(), Line: meta.Quote(l.Text)}
	if l.Reason == metric.None || l.Reason.Refusal() {
		line.Kind, line.Name = l.Kind.String(), l.Name
	}
	if l.Reason != metric.None {
		line.Reason, line.At = l.Reason.String(), l.At
	}
	return line
}
