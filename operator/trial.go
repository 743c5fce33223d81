package operator

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/wire"
)

// Running holds the table and the present settings of the daemon.
type Running struct {
	Table  *aggregate.Table
	Limits aggregate.Config // limits of the table
	Listen intake.Listen
	Scheme *aggregate.Scheme // layout of the paths
	Naming naming.Config
	Set    *rules.Set     // of --rules; nil for none
	Counts []naming.Count // settings for the rules
}

// trial reads lines with the daemon's own parser, and adds their samples to tables of its own. So it gives the same
// results as the daemon, but counts nothing.
type trial struct {
	*Running
	parser wire.Parser
}

func newTrial(r *Running) *trial { return &trial{r, r.Listen.Parser()} }

// verdict is what happens to one item of a line.
type verdict struct {
	item   wire.Item     // Sample, Discard or Event
	reason metric.Reason // why the item is bad
	at     int           // index in the text
	sample metric.Sample // the sample of a good item, with the name from the parser
	timed  bool          // whether a timestamp was ignored
	name   string        // in the table
}

// read returns the verdicts on all items of a text.
func (t *trial) read(text string) (all []verdict) {
	buf := []byte(text)
	t.parser.Reset(buf)
	timestamps := 0
	for {
		var v verdict
		v.item = t.parser.Next(&v.sample)
		switch v.item {
		case wire.End:
			return all
		case wire.Discard:
			v.reason, v.at = t.parser.Reason(), t.parser.At()
		case wire.Sample:
			v.timed = t.parser.Timestamps() > timestamps
			timestamps = t.parser.Timestamps()
			v.sample.Name, v.sample.Member = bytes.Clone(v.sample.Name), bytes.Clone(v.sample.Member)
			v.name, v.reason = t.add(v.sample)
		}
		v.at += cap(buf) - cap(t.parser.Line()) // both slices end at the end of buf, so their capacities give the offset
		all = append(all, v)
	}
}

// readName returns the verdict on a name. It reads a line with that name.
func (t *trial) readName(name string) verdict {
	all := t.read(name + ":1|c")
	if len(all) == 0 {
		return verdict{item: wire.Discard, reason: metric.EmptyName}
	}
	return all[0]
}

// add adds a sample to an empty table. It returns the name that the table gives it.
func (t *trial) add(s metric.Sample) (name string, reason metric.Reason) {
	config := t.Limits
	config.Shards, config.MaxNames = 1, 1
	table := aggregate.NewTable(config)
	shard := table.Shard(0)
	shard.Lock()
	reason = shard.Add(&s)
	shard.Unlock()
	if reason != metric.None {
		return "", reason
	}
	for look := table.Peek(s.Kind, nil); look.Next(); {
		if len(look.Names) > 0 {
			return string(look.Names[0]), metric.None
		}
	}
	return "", metric.None
}

// change is what cleaning does to one character: the new text, or "" if it is deleted.
type change struct{ from, to string }

// changes lists the characters that cleaning changes in a name, each once.
func (t *trial) changes(sent string) (all []change) {
	seen := map[string]bool{}
	for len(sent) > 0 {
		_, n := utf8.DecodeRuneInString(sent)
		c := sent[:n]
		sent = sent[n:]
		if seen[c] {
			continue
		}
		seen[c] = true
		// The letter in front keeps the name from being empty.
		clean, _ := t.add(metric.Sample{Name: []byte("x" + c)})
		if to := strings.TrimPrefix(clean, "x"); to != c {
			all = append(all, change{c, to})
		}
	}
	return all
}
