// Package operator answers the questions of people who operate the daemon: is it healthy, did my metric arrive, how
// much was lost, how late are a sink's points, what does it cost.
//
//	desk := operator.New(operator.Sources{...})
//	monitor, err := meta.NewMonitor(meta.MonitorConfig{Questions: desk.Questions(), ...}, ...)
//
// A Desk makes no decisions and counts nothing. It reads its Sources, which are small parts of the daemon, and converts
// their data to the types of package question. Each query has an entry in Questions, with a function that returns
// the data. XML-RPC, the JSON API, the page and statsdmonitor all use this entry.
//
// A Desk uses no CPU time until it gets a query. A query about the table reads a few hundred names at a time, and the
// flush loop continues in between. Each answer comes within question.AnswerTime. If this time is too short for the
// whole answer, the Desk returns a part of it, and sets Answer.Complete to false.
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

// Sources are the parts of the daemon from which answers are made. Any goroutine may call the
// functions at any time. Except for OnLoop, they return at once.
type Sources struct {
	Host     string // name and port of the daemon, such as metrics-3:8125
	Version  string
	Started  time.Time
	Interval time.Duration // flush interval

	Daemon   meta.Source
	Episodes *meta.Episodes
	Values   *history.Values  // nil if no values are kept
	Past     *history.Figures // nil if no history of figures is kept
	Probes   Probes           // nil if traffic cannot be watched
	// Peers returns the processes on this host that have sent over unix sockets. It is nil if there
	// are no such sockets.
	Peers func() peers.Listing
	// Config returns the running settings, without secrets. It is nil if they are not known.
	Config func() question.Config
	// Resident returns the resident set of the process in bytes, or 0 if it is not known. It may be
	// nil.
	Resident func() uint64
	// Mutes returns the muted patterns. It may be nil.
	Mutes func() []question.Mute
	// Draining reports whether an operator has asked that new clients be sent elsewhere. It may be
	// nil.
	Draining func() bool
	// Audit returns the last changes that operators requested, newest first. It may be nil.
	Audit func() []question.Audit
	// OnLoop runs a function on the flush loop, between two flushes, and waits until it has returned.
	// If OnLoop returns an error, the function was not run.
	OnLoop func(context.Context, func(*Running)) error
	// Flushed returns the number of flushes since the daemon started, and the time of the last
	// flush. Both are zero before the first flush.
	Flushed func() (number uint64, at time.Time)
	// Sinks returns the state of all destinations.
	Sinks func() []delivery.State
	// Cluster describes the cluster of this daemon. It returns nil if the daemon is in no cluster.
	Cluster func() *question.Cluster
}

// Desk answers queries. New creates it. It may be used by many goroutines at the same time.
type Desk struct {
	Sources
	known   knownSenders
	counted counted
}

// New returns a Desk that gets its data from the given sources.
func New(s Sources) *Desk { return &Desk{Sources: s} }

// Questions returns all queries, in the order of the manual.
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
			Help: "The daemon's health (ok, degraded or failing), and all active reasons, worst first.",
		},
		d.valuesQuestion(),
		d.historyQuestion(),
		{
			Name: "figures", Answer: map[string]float64{}, Ask: d.flushed(d.figures),
			Help: "The daemon's own metrics at the last flush, by name. Durations are seconds, and times are Unix seconds.",
		},
		{
			Name: "rules", Answer: question.Rules{}, Ask: d.flushed(d.rulesOf),
			Help: "The rules of --rules: how many samples each rule has matched since the start, how many per second, and when it last matched.",
		},
		{
			Name: "sinks", Answer: []question.Sink{}, Ask: d.live(d.sinks),
			Help: "Each sink: its state, when it last accepted points, how far behind the sink is, how many points wait, and the last error of the sink.",
		},
		{
			Name: "discards", Method: "discarded", Answer: question.Discards{}, Ask: d.live(d.discards),
			Help: "Bad and refused samples: how many for each reason since the start, the last bad lines with the first bad byte of each line, who sent similar lines in the last 15 minutes, the samples that limits refused, and the paths that several names share.",
		},
		{
			Name: "ledger", Answer: []question.Balance{}, Ask: d.flushed(d.ledger),
			Help: "For all samples, and for the points of each sink: how many came in, what happened to them, and whether the numbers add up to the number that came in.",
		},
		{
			Name: "cluster", Answer: question.Cluster{}, Ask: d.live(d.cluster),
			Help: "The cluster of this daemon. For a daemon with --collect: the owner and the last published interval of each partition, the waiting messages, the edge daemons, and what happened to the messages. For a daemon with --forward: how many rows were forwarded, are waiting, and were dropped.",
		},
		{
			Name: "cost", Answer: question.Cost{}, Ask: d.flushed(d.cost),
			Help: "What the daemon costs: busy cores, memory, time per sample and bytes per name, and where processor time and memory go.",
		},
		{
			Name: "config", Answer: question.Config{}, Ask: d.live(d.config), Guarded: true,
			Help: "The settings of the running daemon: value, default, and source, without secrets. Also what a reload would change, and what needs a restart.",
		},
		{
			Name: "alerts", Answer: question.Alerts{}, Ask: d.live(d.alerts),
			Parameters: []question.Parameter{{Name: "limit", Kind: question.Int, Default: 20, Min: 1, Max: 256, Help: "the maximum number of problems"}},
			Help:       "The daemon's problems, newest first: when each problem began and ended, and which notifiers were informed. Also the last changes that operators asked for, including refused ones.",
		},
	}
}

// answerer returns the data of an answer. If the client can correct the error, it is a
// *question.Error.
type answerer func(ctx context.Context, args question.Arguments) (any, error)

// live returns a function whose answers are about the current moment.
func (d *Desk) live(f answerer) func(context.Context, question.Arguments) (question.Answer, error) {
	return func(ctx context.Context, args question.Arguments) (question.Answer, error) {
		start := time.Now()
		data, err := f(ctx, args)
		return question.Answer{AsOf: start, Live: true, TookMillis: millis(start), Complete: true, Data: data}, err
	}
}

// flushed returns a function whose answers are about the last flush.
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
