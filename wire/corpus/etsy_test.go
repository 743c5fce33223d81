package corpus

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// outcome is the result of adding one line to empty tables. The keys are cleaned names. The numbers
// are texts, because a number in Etsy's statsd can be infinite.
type outcome struct {
	Bad      int  // number of discarded samples
	Crash    bool // whether the line makes Etsy's statsd crash
	Counters map[string]string
	Gauges   map[string]string
	Timers   map[string][]string
	Weights  map[string]string // sum of the sample weights, for each timer
	Sets     map[string][]string
}

// equal reports whether two outcomes are the same. The numbers of bad samples may differ, unless
// one of the numbers is 0.
func (o outcome) equal(other outcome) bool {
	return (o.Bad > 0) == (other.Bad > 0) && o.values() == other.values()
}

// values returns all results except the number of bad samples, as text.
func (o outcome) values() string {
	return fmt.Sprint(o.Crash, o.Counters, o.Gauges, o.Timers, o.Weights, o.Sets)
}

// names returns the names for which there are samples.
func (o outcome) names() []string {
	return slices.Concat(slices.Collect(maps.Keys(o.Counters)), slices.Collect(maps.Keys(o.Gauges)), slices.Collect(maps.Keys(o.Timers)), slices.Collect(maps.Keys(o.Sets)))
}

// nameless returns the outcome with the key "name" in place of the name. All samples of a line have the same name, so
// this loses no sample.
func (o outcome) nameless() outcome {
	o.Counters, o.Gauges, o.Weights = withoutName(o.Counters), withoutName(o.Gauges), withoutName(o.Weights)
	o.Timers, o.Sets = withoutName(o.Timers), withoutName(o.Sets)
	return o
}

func withoutName[V any](byName map[string]V) map[string]V {
	only := map[string]V{}
	for _, v := range byName {
		only["name"] = v
	}
	return only
}

// theirOutcomes returns the outcome of each line in Etsy's statsd.
func theirOutcomes(t *testing.T, lines []string) []outcome {
	t.Helper()
	node, home := counterpart.Find(t, "node"), counterpart.EtsyHome(t)
	driver, err := filepath.Abs("testdata/etsy.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, input, output := filepath.Join(dir, "config.js"), filepath.Join(dir, "lines"), filepath.Join(dir, "outcomes")
	settings := fmt.Sprintf(`{"flushInterval": 10, "backends": [%q], "servers": [{"server": %q}]}`, driver, driver)
	for file, text := range map[string]string{config: settings, input: strings.Join(lines, "\n") + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := exec.Command(node, driver, config, home, input, output).CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, text)
	}
	return readOutcomes(t, output, len(lines))
}

func readOutcomes(t *testing.T, file string, want int) (all []outcome) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		var o outcome
		if err := json.Unmarshal(scan.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		o.normalize()
		all = append(all, o)
	}
	if len(all) != want {
		t.Fatalf("%d outcomes of %d lines", len(all), want)
	}
	return all
}

// normalize formats all numbers in the same way, and sorts the parts that have no order.
func (o *outcome) normalize() {
	for _, texts := range []map[string]string{o.Counters, o.Gauges, o.Weights} {
		for key, text := range texts {
			texts[key] = normalNumber(text)
		}
	}
	for _, values := range o.Timers {
		for i, text := range values {
			values[i] = normalNumber(text)
		}
	}
	for key, members := range o.Sets {
		slices.Sort(members)
		o.Sets[key] = slices.Compact(members)
	}
}

func normalNumber(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return fmt.Sprint(v + 0) // changes -0 to 0
}

// ourOutcome returns the outcome of a line in this daemon with Etsy's dialect.
func ourOutcome(p *wire.Parser, line string) outcome {
	counters, gauges, weights := map[string]float64{}, map[string]float64{}, map[string]float64{}
	o := outcome{Timers: map[string][]string{}, Sets: map[string][]string{}}
	var s metric.Sample
	p.Reset([]byte(line))
	for item := p.Next(&s); item != wire.End; item = p.Next(&s) {
		name := string(p.Dialect.AppendClean(nil, s.Name))
		switch {
		case item == wire.Event:
		case item == wire.Discard, name == "":
			o.Bad++
		case s.Kind == metric.Counter:
			counters[name] += s.Value * s.Weight
		case s.Kind == metric.Gauge && s.Delta:
			gauges[name] += s.Value
		case s.Kind == metric.Gauge:
			gauges[name] = s.Value
		case s.Kind == metric.Timer:
			o.Timers[name] = append(o.Timers[name], fmt.Sprint(s.Value))
			weights[name] += s.Weight
		case s.Kind == metric.Set:
			o.Sets[name] = append(o.Sets[name], strings.ToValidUTF8(string(s.Member), "\ufffd"))
		}
	}
	o.Counters, o.Gauges, o.Weights = asTexts(counters), asTexts(gauges), asTexts(weights)
	o.normalize()
	return o
}

func asTexts(values map[string]float64) map[string]string {
	texts := map[string]string{}
	for key, v := range values {
		texts[key] = fmt.Sprint(v)
	}
	return texts
}

// TestSoakEtsy parses the corpus with Etsy's statsd and with this parser in Etsy's dialect. Each
// difference must be listed in docs/migrating.md.
func TestSoakEtsy(t *testing.T) {
	all := Lines(soak.Pick(20_000, 100_000))
	theirs := theirOutcomes(t, all)
	p := wire.Parser{Dialect: metric.Etsy}
	seen := map[string]int{}
	same, unlisted := 0, 0
	for i, line := range all {
		ours := ourOutcome(&p, line)
		if ours.equal(theirs[i]) {
			same++
			continue
		}
		d := listed(line, theirs[i], ours)
		if d == nil {
			unlisted++
			t.Errorf("%q\n is here  %v, %d bad\n is there %v, %d bad", line, ours.values(), ours.Bad, theirs[i].values(), theirs[i].Bad)
			continue
		}
		seen[d.name]++
	}
	t.Logf("%d of %d lines are the same; the others: %v", same, len(all), seen)
	soak.Row(t, fmt.Sprintf("%d odd lines, beside the code of Etsy's statsd", len(all)), fmt.Sprintf("%d unlisted differences", unlisted), "0")
	for _, d := range differences {
		if seen[d.name] == 0 {
			t.Errorf("no line shows the difference %q", d.name)
		}
	}
}

// TestDifferencesAreDocumented checks that docs/migrating.md describes each difference.
func TestDifferencesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		if !strings.Contains(string(text), "\n- **"+d.name+"**") {
			t.Errorf("docs/migrating.md does not list the difference %q", d.name)
		}
	}
	_, list, _ := strings.Cut(string(text), "### Lines that differ")
	list, _, _ = strings.Cut(list, "\n## ")
	if n := strings.Count(list, "\n- **"); n != len(differences) {
		t.Errorf("docs/migrating.md lists %d differences, the test knows %d", n, len(differences))
	}
}
