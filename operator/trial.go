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

// Running holds the daemon's table and its current settings.
type Running struct {
	Table  *aggregate.Table
	Limits aggregate.Config // limits of the table
	Listen intake.Listen
	Scheme *aggregate.Scheme // layout of the paths
	Naming naming.Config     // settings for the rules
	Set    *rules.Set        // rules of --rules; nil without --rules
	Counts []naming.Count    // how often each rule has matched
}

// trial parses lines with the daemon's parser, and adds their samples to a temporary table. So its
// results are the same as the daemon's, but nothing is counted.
type trial struct {
	*Running
	parser wire.Parser
}

func newTrial(r *Running) *trial { return &trial{r, r.Listen.Parser()} }

// verdict is the result for an item of a line.
type verdict struct {
	item   wire.Item     // Sample, Discard or Event
	reason metric.Reason // why the item is bad
	at     int           // position in the text
	sample metric.Sample // the sample of a good item, with the name that the parser returns
	timed  bool          // the item has a timestamp, which is ignored
	name   string        // the name in the table
}

// read returns the verdicts for all items in a text.
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
		// The line is a part of buf, and the capacity of both slices reaches to the same byte. So the difference of the
		// capacities is the position of the line in buf.
		v.at += cap(buf) - cap(t.parser.Line())
		all = append(all, v)
	}
}

// readName returns the verdict for a name. It parses a line with this name.
func (t *trial) readName(name string) verdict {
	all := t.read(name + ":1|c")
	if len(all) == 0 {
		return verdict{item: wire.Discard, reason: metric.EmptyName}
	}
	return all[0]
}

// add adds a sample to an empty table. It returns the name of the sample in that table.
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

// change is a character that cleaning changes, and the text that replaces it. The text is "" if the
// character is deleted.
type change struct{ from, to string }

// changes returns the characters of a name that cleaning changes. Each character is returned once.
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
		// A letter comes first, so that the cleaned name is not empty.
		clean, _ := t.add(metric.Sample{Name: []byte("x" + c)})
		if to := strings.TrimPrefix(clean, "x"); to != c {
			all = append(all, change{c, to})
		}
	}
	return all
}
