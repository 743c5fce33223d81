package operator

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/census"
	"github.com/statsd-ops/statsd/meta/question"
)

// maxMost is the maximum number of prefixes in the answer. They are the prefixes that need the most
// memory.
const maxMost = 3

// cost shows what needs CPU time and memory.
func (d *Desk) cost(context.Context, question.Arguments) (any, error) {
	f := figuresOf(d.Daemon)
	c := question.Cost{
		CostSum: d.costSum(f), Cores5m: d.perSecond(f, "cpu.used", 5*time.Minute), Cores15m: d.perSecond(f, "cpu.used", 15*time.Minute),
		CPU: d.processor(f), Memories: d.memories(f), Most: []question.Prefix{},
	}
	if sum := d.counted.newest(); sum != nil {
		rows := slices.Clone(sum.Rows)
		slices.SortStableFunc(rows, func(a, b census.Prefix) int { return cmp.Compare(b.Bytes, a.Bytes) })
		for _, row := range rows[:min(len(rows), maxMost)] {
			c.Most = append(c.Most, question.Prefix{Prefix: row.Prefix, Names: row.Names, Bytes: row.Bytes, Share: share(row.Names, sum.Held)})
		}
	}
	return c, nil
}

func (d *Desk) costSum(f figures) question.CostSum {
	c := question.CostSum{Cores: f.rate("cpu.used"), Memory: d.memory(f)}
	if samples := f.rate("samples.received"); samples > 0 {
		c.MicrosPerSample = c.Cores / samples * 1e6
	}
	if names := f.value("names"); names > 0 {
		c.BytesPerName = f.value("memory.names") / names
	}
	return c
}

// memory returns the resident set of the process. If it is not known, memory returns the memory
// that Go's runtime holds.
func (d *Desk) memory(f figures) uint64 {
	if d.Resident != nil {
		if n := d.Resident(); n > 0 {
			return n
		}
	}
	return uint64(f.value("memory.held"))
}

// costOver is the length of the period over which the function processor measures CPU time.
const costOver = 5 * time.Minute

// processor returns the share of each kind of work in the CPU time of the last 5 minutes.
func (d *Desk) processor(f figures) []question.Share {
	grown := func(name string) float64 {
		g, _ := d.grown(f, name, costOver)
		return g
	}
	all := grown("cpu.used")
	flush, send, collector := grown("cpu.flush"), grown("cpu.send"), grown("cpu.collector")
	if all <= 0 {
		return []question.Share{}
	}
	part := func(v float64) float64 { return min(max(v/all, 0), 1) }
	return []question.Share{
		{Name: "receive and rest", Value: part(all - flush - send - collector)},
		{Name: "flush", Value: part(flush)},
		{Name: "send", Value: part(send)},
		{Name: "collector", Value: part(collector)},
	}
}

// memories returns how much memory is used for each purpose. Memory that is not counted for any purpose belongs to Go's
// runtime.
func (d *Desk) memories(f figures) []question.Share {
	rest := float64(d.memory(f))
	shares := []question.Share{}
	for _, name := range []string{"names", "samples", "history", "queues"} {
		v := f.value("memory." + name)
		rest -= v
		shares = append(shares, question.Share{Name: name, Value: v})
	}
	return append(shares, question.Share{Name: "Go", Value: max(rest, 0)})
}

// perSecond returns the average growth of a figure per second, or NaN if it is not known. The parameter in is the time
// to look back.
func (d *Desk) perSecond(f figures, name string, in time.Duration) question.Number {
	grew, over := d.grown(f, name, in)
	if over <= 0 {
		return question.Number(math.NaN())
	}
	return question.Number(grew / over.Seconds())
}
