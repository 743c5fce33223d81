// Package operator answers the questions of the people who run the daemon: is it healthy, did my
// metric arrive, how much was lost, how far behind is a sink, what does it cost.
//
//	desk := operator.New(operator.Sources{...})
//	monitor, err := meta.NewMonitor(meta.MonitorConfig{Questions: desk.Questions(), ...}, ...)
//
// A Desk decides nothing and counts nothing. It asks its Sources, which are small parts of the daemon, and converts
// their answers to the types of package question. A question is one function from Arguments to data and one entry in
// Questions. XML-RPC, the JSON API, the page and statsdmonitor all work from this entry.
//
// Without questions a Desk costs nothing. A question about the table goes through its names in steps of some hundred, and
// the flush loop continues between two steps. Each answer ends within question.AnswerTime; an answer that ran out of
// time says that it is not complete.
package operator

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/meta/question"
)

// Sources are the parts of the daemon that answers come from. Any goroutine may call them at any time. They return at
// once.
type Sources struct {
	Host     string // the daemon's name and port: metrics-3:8125
	Version  string
	Started  time.Time
	Interval time.Duration // the flush interval

	Daemon   meta.Source
	Episodes *meta.Episodes
	Values   *history.Values  // nil: no values are kept
	Past     *history.Figures // nil: nothing is remembered
	Probes   Probes           // nil: traffic cannot be watched
	// Peers returns the processes of this host that have sent. nil: there are none.
	Peers func() peers.Listing
	// Config returns the running settings, without secrets. nil: they are not known.
	Config func() question.Config
	// Resident returns the resident set of the process in bytes; 0, or nil, if that is not known.
	Resident func() uint64
	// Mutes returns the globs whose samples are not kept. nil: there are none.
	Mutes func() []question.Mute
	// Draining reports whether an operator keeps new clients away. nil: none does.
	Draining func() bool
	// Audit returns the last requested changes, the newest first. nil: there are none.
	Audit func() []question.Audit
	// OnLoop runs a function on the flush loop, between two flushes, and waits for it. If it returns an error, the
	// function has not run.
	OnLoop func(context.Context, func(*Running)) error
	// Flushed returns the number of the last flush since the start, and its time. Both are zero before
	// the first flush.
	Flushed func() (number uint64, at time.Time)
	// Sinks returns the state of all destinations.
	Sinks func() []delivery.State
	// Cluster returns the cluster of this daemon; nil if it is in no cluster.
	Cluster func() *question.Cluster
}

// Desk answers questions. Make it with New. It is safe for concurrent use.
type Desk struct {
	Sources
	known   knownSenders
	counted counted
}

// New returns a Desk.
func New(s Sources) *Desk { return &Desk{Sources: s} }

// Questions lists all questions, in the order of the manual.
func (d *Desk) Questions() []question.Question {
	return []question.Question{
		{
			Name: "status", Answer: question.Status{}, Ask: d.flushed(d.status),
			Help: "The daemon in short: health, what comes in, what is lost, names, the last flush, sinks and cost.",
		},
		d.explainQuestion(),
		d.topQuestion(),
		d.tailQuestion(),
		d.sendersQuestion(),
		d.prefixesQuestion(),
		{
			Name: "health", Answer: question.Health{}, Ask: d.live(d.health),
			Help: "The health (ok, degraded or failing), and all reasons, the worst first.",
		},
		d.valuesQuestion(),
		d.historyQuestion(),
		{
			Name: "figures", Answer: map[string]float64{}, Ask: d.flushed(d.figures),
			Help: "The daemon's own figures as of the last flush, by name. Durations are seconds, and times are Unix seconds.",
		},
		{
			Name: "rules", Answer: question.Rules{}, Ask: d.flushed(d.rulesOf),
			Help: "The rules of --rules: how many samples each has matched since the start, how many per second, and when it last matched.",
		},
		{
			Name: "sinks", Answer: []question.Sink{}, Ask: d.live(d.sinks),
			Help: "Each sink: its state, when it last accepted points, how far behind it is, what waits, and its last error.",
		},
		{
			Name: "discards", Method: "discarded", Answer: question.Discards{}, Ask: d.live(d.discards),
			Help: "Bad samples and refused ones: how many for each reason since the start, the last bad lines with the byte at which each is bad, who sent similar ones in the last 15 minutes, the samples that limits refused, and the paths that several names share.",
		},
		{
			Name: "ledger", Answer: []question.Balance{}, Ask: d.flushed(d.ledger),
			Help: "The account of all samples, and of the points of each sink: what came in, what happened to it, and whether the two are equal.",
		},
		{
			Name: "cluster", Answer: question.Cluster{}, Ask: d.live(d.cluster),
			Help: "The cluster that this daemon is in. With --collect: who owns each partition, how far it is, what waits, the edges, and the account of all messages. With --forward: what was forwarded, what waits, and what was dropped.",
		},
		{
			Name: "cost", Answer: question.Cost{}, Ask: d.flushed(d.cost),
			Help: "What the daemon costs: busy cores, memory, time per sample and bytes per name, and where processor time and memory go.",
		},
		{
			Name: "config", Answer: question.Config{}, Ask: d.live(d.config), Guarded: true,
			Help: "The settings as they run: value, default, and source, without secrets. Also what a reload would change, and what needs a restart.",
		},
		{
			Name: "alerts", Answer: question.Alerts{}, Ask: d.live(d.alerts),
			Parameters: []question.Parameter{{Name: "limit", Kind: question.Int, Default: 20, Min: 1, Max: 256, Help: "the maximum number of problems"}},
			Help:       "The daemon's problems, the newest first: when each began and ended, and who was told. Also the last changes that operators asked for, refused ones too.",
		},
	}
}

// answerer returns the data of an answer. Its error is a *question.Error if the client can correct it.
type answerer func(ctx context.Context, args question.Arguments) (any, error)

// live makes an answer about the present moment.
func (d *Desk) live(f answerer) func(context.Context, question.Arguments) (question.Answer, error) {
	return func(ctx context.Context, args question.Arguments) (question.Answer, error) {
		start := time.Now()
		data, err := f(ctx, args)
		return question.Answer{AsOf: start, Live: true, TookMillis: millis(start), Complete: true, Data: data}, err
	}
}

// flushed makes an answer about the last flush.
func (d *Desk) flushed(f answerer) func(context.Context, question.Arguments) (question.Answer, error) {
	return func(ctx context.Context, args question.Arguments) (question.Answer, error) {
		start := time.Now()
		_, at := d.Flushed()
		data, err := f(ctx, args)
		return question.Answer{AsOf: at, TookMillis: millis(start), Complete: true, Data: data}, err
	}
}

func millis(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}
