package intake

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// BenchmarkNameRatios measures the extra cost of tags and rules, as ratios of CPU time in one run.
// It adds 10,000 series in packets of 1,432 bytes. The two variants of a ratio take turns. An
// operation is one sample for each variant. Only parsing and adding are measured. With a socket,
// both variants would also need CPU time for reading, and the ratios would be closer to 1. So these
// ratios are worst cases.
func BenchmarkNameRatios(b *testing.B) {
	for _, r := range []struct {
		is, to string
		most   string // the upper limit for the ratio
	}{
		{"tags=graphite", "tags=graphite,untagged", "3"}, // 8 tags in DogStatsD's style
		{"rules=unmatched", "plain", "1.02"},             // 50 globs that match no name
		{"rules=drop10", "plain", "1"},                   // one rule drops a tenth of the names
		{"unclean", "plain", "1.1"},
		{"rules=rename", "plain", "none"}, // 50 globs that rename all names
		{"rules=keep", "plain", "none"},
		{"rules=drop", "plain", "none"},
		{"tags=drop", "plain", "none"},
	} {
		b.Run(r.is, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			is, to := newNameTurn(b, r.is), newNameTurn(b, r.to)
			b.ResetTimer()
			for done := 0; done < b.N; done += seriesPerTurn {
				is.take(seriesPerTurn)
				to.take(seriesPerTurn)
			}
			b.ReportMetric(is.ratio(to), "ratio,aim="+r.most)
		})
	}
}

// seriesPerTurn is the number of samples that a variant adds in one turn.
const seriesPerTurn = 20_000

// nameTurn measures the CPU time of one of the variants that are compared.
type nameTurn struct {
	lane    *lane
	packets [][]byte
	next    int
	shares  []time.Duration // CPU time of each turn
}

func newNameTurn(b *testing.B, name string) *nameTurn {
	v := nameVariants[slices.IndexFunc(nameVariants, func(v nameVariant) bool { return v.name == name })]
	cfg := config()
	cfg.Receivers, cfg.Tags = 1, v.tags
	if v.rules != "" {
		set, err := rules.Load([]byte(v.rules), rules.Intake)
		if err != nil {
			b.Fatal(err)
		}
		cfg.Rules = set
	}
	in, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close() })
	t := &nameTurn{lane: in.lanes[0], packets: packetsOf(v.format, 10_000)}
	t.take(seriesPerTurn)
	t.shares = nil
	return t
}

// take adds samples from the next packets, until at least n samples were added.
func (t *nameTurn) take(n int) {
	start := threadTime()
	l := t.lane
	l.shard.Lock()
	for until := l.tally.Samples + uint64(n); l.tally.Samples < until; t.next++ {
		l.takeDatagram(&l.parser, t.packets[t.next%len(t.packets)], origin{})
		l.addPending()
	}
	l.shard.Unlock()
	t.shares = append(t.shares, threadTime()-start)
}

// ratio compares the CPU times of two variants. It divides each element of t.shares by the same element of to.shares,
// and returns the median of these ratios.
func (t *nameTurn) ratio(to *nameTurn) float64 {
	ratios := make([]float64, len(t.shares))
	for i := range ratios {
		ratios[i] = float64(t.shares[i]) / float64(max(to.shares[i], 1))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// nameVariant is a way to write the names of 10,000 series, and the rules to apply.
type nameVariant struct {
	name, format, rules string
	tags                metric.Tags
}

const (
	plainNames   = "app.web-%02d.api.v2.users.get.status_%d:%d|c"
	uncleanNames = "app.web %02d.api/v2.users.get.status_%d:%d|c"
	taggedNames  = "app.api.v2.users.get:%[3]d|c|#host:web-%02[1]d,env:prod,region:eu-west-1,zone:b,status:%[2]d,version:2.13.4,team:checkout,canary:false"
)

var nameVariants = []nameVariant{
	{"plain", plainNames, "", metric.DropTags},
	{"unclean", uncleanNames, "", metric.DropTags},
	{"rules=unmatched", plainNames, fiftyRules("app.other-%02d.*.*.*.*.*", "other"), metric.DropTags},
	{"rules=keep", plainNames, `mappings: [{match: "app.*.*.*.*.*.*", action: keep}]`, metric.DropTags},
	{"rules=drop10", plainNames, `mappings: [{match: "^app.web-0[0-4]", match_type: regex, action: drop}]`, metric.DropTags},
	{"rules=drop", plainNames, `mappings: [{match: "app.*.*.*.*.*.*", action: drop}]`, metric.DropTags},
	{"rules=rename", plainNames, fiftyRules("*.web-%02d.*.*.*.*.*", "$1.$2.$3.$4.$5.$6"), metric.DropTags},
	{"tags=graphite,untagged", plainNames, "", metric.GraphiteTags},
	{"tags=graphite", taggedNames, "", metric.GraphiteTags},
	{"tags=drop", taggedNames, "", metric.DropTags},
}

// fiftyRules returns a rules file with 50 globs.
func fiftyRules(match, name string) string {
	text := "mappings:"
	for i := range 50 {
		text += fmt.Sprintf("\n- {match: %q, name: %q}", fmt.Sprintf(match, i), name)
	}
	return text
}

// packetsOf returns packets that contain one sample for each of n series.
func packetsOf(format string, n int) (packets [][]byte) {
	const size = 1432
	var packet []byte
	for i := range n {
		at := i * 7919 % n // an order that the CPU cache cannot predict
		line := fmt.Appendf(nil, format+"\n", at%50, at, at%1000)
		if len(packet)+len(line) > size {
			packets, packet = append(packets, packet), nil
		}
		packet = append(packet, line...)
	}
	return append(packets, bytes.Clone(packet))
}

// BenchmarkNames adds samples of 10,000 series to a table. One operation is one sample.
func BenchmarkNames(b *testing.B) {
	for _, v := range nameVariants {
		b.Run(v.name, func(b *testing.B) {
			t := newNameTurn(b, v.name)
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += 1_000 {
				t.take(1_000)
			}
		})
	}
}
