package operator

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

func (d *Desk) status(context.Context, question.Arguments) (any, error) {
	now := time.Now()
	number, at := d.Flushed()
	f := figuresOf(d.Daemon)
	return question.Status{
		Host:    d.Host,
		Version: d.Version,
		Started: d.Started,
		Health:  healthOf(d.Daemon.Health()),
		Received: question.Received{
			Samples:     f.rate("samples.received"),
			Datagrams:   f.rate("udp.packets"),
			Connections: int(f.value("tcp.open")),
		},
		Names: question.Names{Held: int(f.value("names")), Limit: int(f.value("names.limit"))},
		Flush: question.Flush{
			Number: number, At: at, Interval: d.Interval.Seconds(),
			Took: f.value("flush_duration"), HeldUp: f.value("flush.swap"), Late: uint64(f.value("flush.late")),
		},
		Sinks:  d.sinksNow(now),
		Muted:  []question.Mute{},
		Trends: map[string][]question.Number{},
	}, nil
}

// figures are the daemon's own figures by name.
type figures map[string]meta.Figure

func figuresOf(s meta.Source) figures {
	f := figures{}
	for _, one := range s.Figures() {
		f[one.Name] = one
	}
	return f
}

func (f figures) value(name string) float64 { return f[name].Value }
func (f figures) rate(name string) float64  { return f[name].Rate }
