package prometheus

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/wire"
)

// daemon is a parser, a table and a sink. It works like a daemon without sockets.
type daemon struct {
	*Sink
	t      testing.TB
	table  *aggregate.Table
	parser wire.Parser
	told   []string
}

const allStyles = metric.DogStatsD | metric.Graphite | metric.InfluxDB | metric.Librato | metric.SignalFX

// limits is the default configuration in tests, with small limits.
var limits = Config{Addr: "127.0.0.1:0", Tagged: true, MaxSeries: 2000, MaxFamilies: 2000}

// mapped returns a copy of the variable limits, with a mapping file that contains the given text.
func mapped(t testing.TB, mapping string) Config {
	t.Helper()
	cfg := limits
	cfg.Mapping = filepath.Join(t.TempDir(), "mapping.yml")
	writeMapping(t, cfg.Mapping, mapping)
	return cfg
}

func writeMapping(t testing.TB, path, mapping string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startDaemon returns a daemon with a sink. It fails the test if New returns an error.
func startDaemon(t testing.TB, cfg Config) *daemon {
	t.Helper()
	d, err := newDaemon(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newDaemon(t testing.TB, cfg Config) (d *daemon, err error) {
	d = &daemon{t: t, parser: wire.Parser{Tagger: wire.NewTagger(metric.LabelTags, allStyles, metric.Reference)}}
	d.table = aggregate.NewTable(aggregate.Config{
		Shards: 1, MaxNames: 1e6, MaxNameLength: 1024, MaxSetMembers: 1e6, MaxTimerSamples: 1e6, Tagged: true, NamesAsSent: true,
		Expire: [metric.Kinds]uint32{2, 1e6, 2, 2},
	})
	d.Sink, err = New(cfg, func(text string) { d.told = append(d.told, text) })
	return d, err
}

// receive adds the samples in lines.
func (d *daemon) receive(lines ...string) {
	shard := d.table.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	var s metric.Sample
	for _, line := range lines {
		d.parser.Reset([]byte(line))
		for item := d.parser.Next(&s); item != wire.End; item = d.parser.Next(&s) {
			if item == wire.Sample {
				shard.Add(&s)
			}
		}
	}
	d.parser.Forget()
}

// flush receives lines, and then ends the interval.
func (d *daemon) flush(lines ...string) {
	d.receive(lines...)
	iv := d.table.Drain(nil)
	iv.Record = d.Record
	now := time.Now()
	iv.Summarize(aggregate.Reference.Layout(), now.Unix())
	d.EndInterval(sink.Interval{End: now})
}

// page returns the text of the page.
func (d *daemon) page() string {
	var b buffer
	v := d.acquire()
	defer d.release(v)
	if err := v.write(&b); err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// shown returns the samples of a page in the form name{labels} value. It leaves out the daemon's own families.
func (d *daemon) shown() string {
	var lines []string
	for _, s := range parse(d.t, d.page()) {
		if !strings.HasPrefix(s.family, reservedPrefix) {
			lines = append(lines, s.key+" "+strconv.FormatFloat(s.value, 'g', -1, 64))
		}
	}
	return strings.Join(lines, "\n")
}

// expect fails the test if the page does not contain exactly these samples. Their order does not matter.
func (d *daemon) expect(why string, want ...string) {
	d.t.Helper()
	slices.Sort(want)
	got := strings.Split(d.shown(), "\n")
	slices.Sort(got)
	if !slices.Equal(got, want) && !(len(want) == 0 && got[0] == "") {
		d.t.Errorf("%s: the page has\n\t%s\nwant\n\t%s", why, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// exposed is a sample on a page.
type exposed struct {
	family, kind, key string // key has the form name{labels}
	name              string
	labels            map[string]string
	value             float64
}

var (
	headLine   = regexp.MustCompile(`^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\"n])*",?)*)\})? (\S+)$`)
	labelPart  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"`)
)

// parse parses a page with the grammar of the text format 0.0.4. It also checks other rules of Prometheus: the
// samples of each family are together, each series occurs once, and the counts of histograms are consistent.
func parse(t testing.TB, page string) (all []exposed) {
	t.Helper()
	family, kind := "", ""
	families, kinds, seen, counts := map[string]bool{}, map[string]string{}, map[string]bool{}, map[string]float64{}
	if page != "" && !strings.HasSuffix(page, "\n") {
		t.Fatalf("the page ends with %q", page[max(0, len(page)-100):])
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(page, "\n"), "\n") {
		if line == "" {
			continue
		}
		if head := headLine.FindStringSubmatch(line); head != nil {
			if head[1] == "HELP" {
				if families[head[2]] {
					t.Fatalf("the family %s comes twice", head[2])
				}
				family, families[head[2]] = head[2], true
			} else if kind = head[3]; head[2] != family || !slices.Contains([]string{"counter", "gauge", "summary", "histogram"}, kind) {
				t.Fatalf("bad line %q in the family %s", line, family)
			}
			kinds[family] = kind
			checkSuffix(t, family, kinds)
			continue
		}
		s := parseSample(t, line)
		s.family, s.kind = family, kind
		if suffix, ok := strings.CutPrefix(s.name, family); !ok || !fits(kind, suffix, s.labels) {
			t.Fatalf("%q is in the %s %s", line, kind, family)
		}
		if seen[s.key] {
			t.Fatalf("%s comes twice", s.key)
		}
		seen[s.key] = true
		checkBucket(t, &s, counts)
		all = append(all, s)
	}
	return all
}

// checkSuffix checks that the name of a family does not equal a sample name of another family.
func checkSuffix(t testing.TB, family string, kinds map[string]string) {
	t.Helper()
	for _, suffix := range []string{sumSuffix, countSuffix, bucketSuffix} {
		base, ends := strings.CutSuffix(family, suffix)
		if kind := kinds[base]; ends && (kind == "histogram" || kind == "summary" && suffix != bucketSuffix) {
			t.Fatalf("the family %s looks like a part of the %s %s", family, kind, base)
		}
	}
}

func parseSample(t testing.TB, line string) exposed {
	m := sampleLine.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("bad line %q", line)
	}
	value, err := strconv.ParseFloat(m[3], 64)
	if err != nil {
		t.Fatalf("bad value in %q", line)
	}
	s := exposed{name: m[1], labels: map[string]string{}, value: value}
	for _, l := range labelPart.FindAllStringSubmatch(m[2], -1) {
		if _, twice := s.labels[l[1]]; twice || strings.HasPrefix(l[1], "__") {
			t.Fatalf("bad label %s in %q", l[1], line)
		}
		s.labels[l[1]] = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(l[2])
	}
	s.key = m[1]
	if m[2] != "" {
		s.key += "{" + m[2] + "}"
	}
	return s
}

// fits reports whether a sample is allowed in a family of this kind.
func fits(kind, suffix string, labels map[string]string) bool {
	_, le := labels["le"]
	_, quantile := labels["quantile"]
	switch suffix {
	case "":
		return kind == "counter" || kind == "gauge" || kind == "summary" && quantile
	case bucketSuffix:
		return kind == "histogram" && le
	case sumSuffix, countSuffix:
		return kind == "summary" && !quantile || kind == "histogram" && !le
	}
	return false
}

// checkBucket checks that the counts of buckets never decrease, and that the last bucket equals the count.
func checkBucket(t testing.TB, s *exposed, counts map[string]float64) {
	t.Helper()
	if s.kind != "histogram" {
		return
	}
	le, bucket := s.labels["le"]
	key := strings.Replace(strings.Replace(s.key, `,le="`+le+`"`, "", 1), `{le="`+le+`"}`, "", 1)
	key = strings.Replace(strings.Replace(key, bucketSuffix, "", 1), countSuffix, "", 1)
	switch {
	case bucket && s.value < counts[key]:
		t.Fatalf("%s %v is below the bucket before", s.key, s.value)
	case bucket:
		counts[key] = s.value
	case strings.HasSuffix(s.name, countSuffix) && s.value != counts[key]:
		t.Fatalf("%s is %v, and its last bucket %v", s.key, s.value, counts[key])
	}
}

func near(a, b, tolerance float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return a == b || math.Abs(a-b) <= max(1e-9, math.Abs(a)*max(tolerance, 1e-9))
}

// lines returns n lines. The format must contain one %d.
func lines(n int, format string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

func (d *daemon) layout() aggregate.Layout { return aggregate.Reference.Layout() }
