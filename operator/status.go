package operator

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/meta/question"
)

// recently is the time over which losses and growth are reported.
const recently = 15 * time.Minute

func (d *Desk) status(context.Context, question.Arguments) (any, error) {
	now := time.Now()
	number, at := d.Flushed()
	f, health := figuresOf(d.Daemon), d.Daemon.Health()
	return question.Status{
		Host:    d.Host,
		Version: d.Version,
		Started: d.Started,
		Health:  healthOf(health),
		Received: question.Received{
			Samples:     f.rate("samples.received"),
			Datagrams:   f.rate("udp.packets"),
			Connections: int(f.value("tcp.open")),
		},
		Lost:  d.lost(f),
		Names: d.names(f),
		Flush: question.Flush{
			Number: number, At: at, Interval: d.Interval.Seconds(),
			Took: f.value("flush_duration"), HeldUp: f.value("flush.swap"), Late: uint64(f.value("flush.late")),
		},
		Sinks:    d.sinksNow(now),
		Cost:     d.costSum(f),
		Muted:    d.mutes(),
		Draining: health.Draining || d.Draining != nil && d.Draining(),
		Cluster:  d.inCluster() != nil,
		Trends:   d.trends(f),
	}, nil
}

func (d *Desk) names(f figures) question.Names {
	grew, _ := d.grown(f, "names", recently)
	return question.Names{Held: int(f.value("names")), Limit: int(f.value("names.limit")), Grown15m: int(grew)}
}

// mutes returns the muted patterns.
func (d *Desk) mutes() []question.Mute {
	if d.Mutes == nil {
		return []question.Mute{}
	}
	return append([]question.Mute{}, d.Mutes()...)
}

// grown returns by how much a figure grew in the last period, and the length of this period. The
// parameter in is the requested length. If the daemon started less than this time ago, or keeps no
// history, the period begins at the start of the daemon.
func (d *Desk) grown(f figures, name string, in time.Duration) (grew float64, over time.Duration) {
	if age := time.Since(d.Started); d.Past == nil || age < in {
		return f.value(name), age
	}
	return d.Past.Growth(name, in)
}

// beyondLimits returns the names of the figures that count good samples that were lost because of
// limits. Muted samples are not included, because an operator mutes samples on purpose.
func beyondLimits() []string { return []string{"samples.refused.names", "samples.refused.members"} }

// lost returns the rates of recent losses: datagrams that the kernel dropped, bad samples, refused
// samples, and dropped points.
func (d *Desk) lost(f figures) (l question.Lost) {
	for _, part := range []struct {
		rate  *float64
		names []string
	}{
		{&l.Kernel, []string{"udp.kernel_dropped"}},
		{&l.Bad, []string{"metrics.discarded"}},
		{&l.Refused, beyondLimits()},
		{&l.Dropped, f.ofSinks(".dropped")},
	} {
		for _, name := range part.names {
			grew, over := d.grown(f, name, recently)
			if over <= 0 {
				continue
			}
			*part.rate += grew / over.Seconds()
			l.Sum15m += grew
		}
	}
	return l
}

const (
	trendPoints = 30
	trendOver   = time.Hour
)

// trends returns the values of the six most important figures in the last hour.
func (d *Desk) trends(f figures) map[string][]question.Number {
	trends := map[string][]question.Number{}
	if d.Past == nil {
		return trends
	}
	parts := map[string][]string{
		"received": {"samples.received"},
		"lost":     slices.Concat(f.ofSinks(".dropped"), []string{"udp.kernel_dropped", "metrics.discarded"}, beyondLimits()),
		"names":    {"names"},
		"waiting":  append(f.ofSinks(".queued"), f.ofSinks(".spooled")...),
		"flush":    {"flush_duration"},
		"cost":     {"cpu.used"},
	}
	var names []string
	for _, of := range parts {
		names = append(names, of...)
	}
	series := d.Past.Series(history.Query{Names: names, Since: time.Now().Add(-trendOver), Points: trendPoints})
	byName := map[string][]float64{}
	for _, l := range series.Lines {
		byName[l.Name] = l.Values
	}
	for trend, of := range parts {
		trends[trend] = sumUp(of, byName)
	}
	return trends
}

// sumUp adds up series with the same times. If no series has a value for a time, the sum is NaN.
func sumUp(names []string, series map[string][]float64) []question.Number {
	sum := []question.Number{}
	for _, name := range names {
		for i, v := range series[name] {
			if i == len(sum) {
				sum = append(sum, question.Number(math.NaN()))
			}
			switch s := &sum[i]; {
			case math.IsNaN(v):
			case math.IsNaN(float64(*s)):
				*s = question.Number(v)
			default:
				*s += question.Number(v)
			}
		}
	}
	return sum
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

// ofSinks returns the names of all figures with the given end, such as ".made", that count the points
// of a sink or the forwarded rows.
func (f figures) ofSinks(end string) (names []string) {
	for name := range f {
		sink := strings.HasPrefix(name, "sink.") && strings.HasSuffix(name, ".points"+end)
		if sink || name == "forward.rows"+end {
			names = append(names, name)
		}
	}
	return names
}
