package server

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink/graphite"
	"github.com/statsd-ops/statsd/wire"
)

// A real Graphite finds tagged series by their tags. Whisper stores them under the names that the
// daemon published.
func TestRealGraphiteTags(t *testing.T) {
	t.Parallel()
	web := counterpart.StartGraphite(t)
	began := time.Now().Unix()
	published := map[string]map[int64]float64{}
	publish := func(sinkConfig graphite.Config, samples ...string) {
		sink, err := graphite.New(sinkConfig)
		if err != nil {
			t.Fatal(err)
		}
		cfg := config()
		cfg.Tags = metric.GraphiteTags
		cfg.FlushInterval, cfg.GaugeExpire = time.Second, time.Hour
		cfg.MetadataPrefix = ""
		cfg.Sinks = []delivery.Destination{{Name: "graphite", Sink: sink}}
		d := start(t, cfg)
		conn := d.dial("udp")
		for _, line := range samples {
			send(t, conn, line)
		}
		eventually(t, "the sent lines are not read", func() bool { return figureOf(t, d.Server, "lines.received") == float64(len(samples)) })
		d.stop()
		for _, p := range d.Points() {
			if published[p.Path] == nil {
				published[p.Path] = map[int64]float64{}
			}
			published[p.Path][p.Time] = p.Value
		}
	}
	publish(graphite.Config{Addr: web.Addr},
		"hits:2|c|#shop:eu,env:prod,debug", "hits:3|c|#env:prod,shop:us", "hits:4|c",
		"time:5:7|ms|#url:http://a/b?c=d e,env:prod", "load;env=prod;name=x;a1=1;a=2:1.5|g", "café:x|s|#env:~prod\u00e9")
	publish(graphite.Config{Addr: web.PickleAddr, Pickle: true}, "pickled:5|c|#env:prod,at:h:1")

	const stored = "counters.hits;env=prod;shop=us"
	eventually(t, stored+" is not in whisper", func() bool {
		return maps.Equal(web.Fetch(stored, began-60, time.Now().Unix()+1), published[stored])
	})
	for tags, want := range map[string][]string{
		"'shop=eu'":                      {"counters.hits;debug=true;env=prod;shop=eu"},
		"'name=counters.hits', 'shop!='": {"counters.hits;debug=true;env=prod;shop=eu", "counters.hits;env=prod;shop=us"},
		"'url=~http://a/b'": {
			"timers.time.count;env=prod;url=http://a/b?c=d_e", "timers.time.lower;env=prod;url=http://a/b?c=d_e",
			"timers.time.mean;env=prod;url=http://a/b?c=d_e", "timers.time.upper;env=prod;url=http://a/b?c=d_e",
			"timers.time.upper_90;env=prod;url=http://a/b?c=d_e",
		},
		"'_name=x'":    {"gauges.load;_name=x;a1=1;a=2;env=prod"},
		"'at=h:1'":     {"counters.pickled;at=h:1;env=prod"},
		"'env=_prod_'": {"sets.caf;env=_prod_"},
		"'env=prod', 'name=counters.hits', 'debug=true'": {"counters.hits;debug=true;env=prod;shop=eu"},
	} {
		eventually(t, "seriesByTag("+tags+") does not find the published series", func() bool {
			found := web.Render("seriesByTag("+tags+")", began-60, time.Now().Unix()+1)
			return slices.Equal(slices.Sorted(maps.Keys(found)), want) && !slices.ContainsFunc(want, func(path string) bool {
				return !maps.Equal(found[path], published[path])
			})
		})
	}
}

// A tagged gauge keeps its value over a restart. If tags are no longer configured after the
// restart, the gauge is dropped, because its series no longer exists.
func TestTaggedState(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Tags = metric.GraphiteTags
	cfg.FlushInterval, cfg.GaugeExpire = time.Hour, 24*time.Hour
	cfg.StateFile = filepath.Join(t.TempDir(), "state")
	for _, text := range []string{"g:10|g|#k:v\ng:1|g", "g;k=v:+2|g\ng:+1|g"} {
		d := start(t, cfg)
		d.deliver(d.dial("udp"), text)
		d.stop()
	}
	if got := fmt.Sprint(stateOf(t, cfg.StateFile)); got != "map[g:2 g;k=v:12]" {
		t.Errorf("the file has %s", got)
	}
	cfg.Tags = metric.DropTags
	d := start(t, cfg)
	d.stop()
	if !strings.Contains(d.out.String(), `"gauges":1,"expired":0,"refused":1`) {
		t.Errorf("the log says:\n%s", d.out)
	}
}

// If new series of a name are refused, the list of refused samples shows them together, under the name without tags.
func TestTaggedRefusals(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Tags, cfg.Receivers = metric.GraphiteTags, 1
	cfg.MaxNames, cfg.MaxSetMembers = 2, 1
	d := start(t, cfg)
	conn := d.dial("udp")
	d.deliver(conn, "hits:1|c|#user:0\nu!sers:a|s|#k:v\nusers:b|s|#k:v")
	for i := range 5 {
		d.deliver(conn, fmt.Sprintf("hits:1|c|#user:a.b.%d", i))
	}
	want := []meta.Refusal{
		{Limit: "max-names", Prefix: "hits", Min: 5, Max: 5},
		{Limit: "max-set-members", Prefix: "users;k=v", Min: 1, Max: 1},
	}
	if got := d.Discards().Refused; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Carbon's own code accepts each tagged series and does not change its name.
func TestCarbonKeepsTaggedNames(t *testing.T) {
	t.Parallel()
	counterpart.Find(t, "carbon-cache")
	python := counterpart.Find(t, "/usr/bin/python3") // the system's Python finds Debian's carbon
	script := "import sys\nfrom carbon.util import TaggedSeries\n" +
		"for line in sys.stdin.buffer: print(TaggedSeries.parse(line.decode('ascii')[:-1]).path)"
	const alphabet = ",,,::=;;~!^k l\"{}()'*\xc3\xa9\xff\x00\tname"
	var names bytes.Buffer
	tagger := wire.NewTagger(metric.GraphiteTags, 0, metric.Reference)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		var section []byte
		for range rng.IntN(12) {
			section = append(section, alphabet[rng.IntN(len(alphabet))])
		}
		name, _, _ := tagger.Name([]byte("stats.a"), section)
		names.Write(append(name, '\n'))
		tagger.Forget()
	}
	want := names.String()
	carbon := exec.Command(python, "-c", script)
	carbon.Stdin = &names
	var complaint bytes.Buffer
	carbon.Stderr = &complaint
	got, err := carbon.Output()
	if err != nil {
		t.Fatalf("%v:\n%s", err, complaint.Bytes())
	}
	if string(got) != want {
		t.Errorf("carbon has other names:\n%s", got)
	}
}
