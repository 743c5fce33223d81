package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// Probes watch a part of the traffic for some seconds. intake.Intake implements this.
type Probes interface {
	Top(context.Context, probe.TopQuery) (*probe.Top, error)
	Senders(context.Context, probe.SendersQuery) (*probe.Senders, error)
	Tail(probe.TailQuery) (*probe.Tail, error)
}

const (
	// sendersFor is how long the senders of a name are kept.
	sendersFor = 15 * time.Minute
	// maxSenders is the maximum number of names whose senders are kept.
	maxSenders = 64
	// maxShownSenders is the maximum number of senders in the text of a step.
	maxShownSenders = 3
)

// knownSenders keeps the last answers about senders, by the pattern of the names.
type knownSenders struct {
	mu      sync.Mutex
	answers map[string]*probe.Senders
}

// keep stores an answer. If there are too many answers, it removes the oldest one.
func (k *knownSenders) keep(match string, s *probe.Senders) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.answers == nil {
		k.answers = map[string]*probe.Senders{}
	}
	if _, known := k.answers[match]; !known && len(k.answers) == maxSenders {
		oldest := ""
		for m, a := range k.answers {
			if oldest == "" || a.From.Before(k.answers[oldest].From) {
				oldest = m
			}
		}
		delete(k.answers, oldest)
	}
	k.answers[match] = s
}

// last returns the last answer for a pattern. It returns nil if there is none, or if it is too old.
func (k *knownSenders) last(match string, now time.Time) *probe.Senders {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.answers[match]; s != nil && now.Sub(s.From) < sendersFor {
		return s
	}
	return nil
}

// sendersOf watches who sends names that match a glob.
func (d *Desk) sendersOf(ctx context.Context, match string, lasts time.Duration) (*probe.Senders, error) {
	s, err := d.Probes.Senders(ctx, probe.SendersQuery{Match: match, For: lasts})
	if err != nil {
		return nil, probeError(err)
	}
	d.known.keep(match, s)
	return s, nil
}

// probeError converts an error of a probe to a *question.Error, if the client can react to it.
func probeError(err error) error {
	if busy, ok := errors.AsType[*probe.Busy](err); ok {
		e := question.Errorf(question.Busy, "", "%v", err)
		e.After = busy.Left
		return e
	}
	if invalid, ok := errors.AsType[*probe.Invalid](err); ok {
		return question.Errorf(question.BadParameter, invalid.Field, "%v", err)
	}
	if errors.Is(err, intake.ErrEnding) {
		return question.Errorf(question.Ending, "", "%v", err)
	}
	return err
}

// senders adds the step about who sends the name. If the query has the parameter "seconds", senders
// watches the traffic for this time, but only for the first name of a line.
func (e *explanation) senders(name string) error {
	if e.Probes == nil {
		return nil
	}
	match := globOf(name)
	s, watched := e.known.last(match, e.now), e.seconds > 0
	if watched {
		lasts := time.Duration(e.seconds) * time.Second
		e.seconds = 0
		now, err := e.sendersOf(e.ctx, match, lasts)
		if busy, ok := errors.AsType[*question.Error](err); ok && busy.Code == question.Busy {
			e.step("senders", "not watched: "+busy.Text).OK = false
			return nil
		}
		if err != nil {
			return err
		}
		s = now
	}
	if s == nil {
		e.step("senders", "not watched (add --for 5s)")
		return nil
	}
	batches := "all batches"
	if s.Every > 1 {
		batches = fmt.Sprintf("1 batch in %d", s.Every)
	}
	text := fmt.Sprintf("%s  in %s, %s", sendersWords(s), plural.Duration(s.For), batches)
	if !watched {
		text += ", " + plural.Duration(time.Since(s.From.Add(s.For))) + " ago"
	}
	e.step("senders", text)
	return nil
}

// sendersWords lists the first senders with their shares.
func sendersWords(s *probe.Senders) string {
	var words []string
	for i := range s.Rows[:min(len(s.Rows), maxShownSenders)] {
		r := &s.Rows[i]
		words = append(words, fmt.Sprintf("%s %.0f %%", clientName(r.Name, r.Over), 100*r.Share))
	}
	if more := len(s.Rows) - maxShownSenders; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	if len(words) == 0 {
		return "no sample of the name came in"
	}
	return strings.Join(words, ", ")
}

func (d *Desk) sendersQuestion() question.Question {
	return question.Question{
		Name: "senders", Answer: question.Senders{}, Ask: d.watched(d.sendersNow), Watch: "seconds", Guarded: true,
		Parameters: []question.Parameter{
			{Name: "match", Default: "*", Help: "a pattern (glob): only lines of names that match"},
			secondsParameter(5),
			{Name: "limit", Kind: question.Int, Default: 20, Min: 1, Max: 200, Help: "the maximum number of senders"},
		},
		Help: "The senders of names that match: their samples and bad lines per second, the name that each sender sends most, and its last bad line. Senders of bad lines come first.",
	}
}

func (d *Desk) sendersNow(ctx context.Context, args question.Arguments, lasts time.Duration) (any, *probe.Looked, error) {
	s, err := d.sendersOf(ctx, args.Text("match"), lasts)
	if err != nil {
		return nil, nil, err
	}
	answer := question.Senders{Match: args.Text("match"), Senders: []question.SenderRow{}, Forgotten: s.Forgotten}
	most := 0.0
	for i := range s.Rows {
		r := &s.Rows[i]
		if r.Rate > most {
			most, answer.Error = r.Rate, relative(r.Error, r.Rate)
		}
		if i >= args.Int("limit") {
			continue
		}
		row := question.SenderRow{
			Sender: clientName(r.Name, r.Over), Over: r.Over.String(), Rate: r.Rate, Share: r.Share, Bad: r.Bad, Most: r.Most,
		}
		if len(r.LastBad) > 0 {
			row.LastBad = meta.Quote(r.LastBad)
		}
		answer.Senders = append(answer.Senders, row)
	}
	answer.Processes, answer.ProcessesForgotten = d.processes(args.Int("limit"))
	return answer, &s.Looked, nil
}

// processes returns the processes that have sent over unix sockets, at most limit.
func (d *Desk) processes(limit int) (rows []question.ProcessRow, forgotten uint64) {
	rows = []question.ProcessRow{}
	if d.Peers == nil {
		return rows, 0
	}
	all := d.Peers()
	for _, p := range all.Peers[:min(limit, len(all.Peers))] {
		rows = append(rows, question.ProcessRow{
			UID: uint64(p.UID), PID: int(p.PID), Program: p.Program, Last: p.Last,
			Datagrams: p.Datagrams, Connections: p.Connections, Lines: p.Lines, Bad: p.Bad, Denied: p.Denied,
		})
	}
	return rows, all.Gone
}

// globOf returns a glob that matches only the given name.
func globOf(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
