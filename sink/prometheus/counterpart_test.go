package prometheus

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// scraped returns the scraped values of a series on a real server, oldest first.
type scraped func(series string) []float64

// grown returns the total increase of a counter. It handles resets to 0.
func grown(values []float64) (sum float64) {
	before := 0.0
	for _, v := range values {
		if v < before {
			before = 0
		}
		sum += v - before
		before = v
	}
	return sum
}

// TestSoakRealServers lets a real Prometheus and a real VictoriaMetrics scrape the page during a reload, the end
// of a ttl, and a restart. The values on these servers must match the sent samples.
func TestSoakRealServers(t *testing.T) {
	soak.Slow(t)
	for name, start := range map[string]func(*testing.T, string) scraped{"prometheus": startPrometheus, "victoria-metrics": startVictoria} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := mapped(t, "mappings:\n- {match: 'stay.*', name: stay, labels: {of: '$1'}}\n- {match: 'moved', name: before}\n- {match: 'short', name: short, ttl: 1s}")
			cfg.Own, cfg.Addr = true, counterpart.FreeAddress(t).String()
			found := start(t, cfg.Addr)
			sender := sender{t: t, sent: map[string]float64{}}
			sender.run(cfg, found, "moved", "before", "short")
			writeMapping(t, cfg.Mapping, "mappings:\n- {match: 'stay.*', name: stay, labels: {of: '$1'}}\n- {match: 'moved', name: after}")
			sender.run(cfg, found, "moved", "after", "")
			for series, sent := range sender.sent {
				if got := grown(found(series)); got != sent {
					t.Errorf("%s grew by %v, sent were %v", series, got, sent)
				}
			}
			soak.Row(t, name+" scrapes the page for two minutes, over a reload, a ttl and a restart", fmt.Sprintf("%d series grew by what was sent", len(sender.sent)), "exact; increase() within 1 %")
		})
	}
}

// sender sends samples to several daemons, one after the other.
type sender struct {
	t    *testing.T
	sent map[string]float64 // sums of the sent samples, by series
}

// run runs a daemon for a few seconds, with a reload in the middle. It waits until all samples were
// scraped.
func (s *sender) run(cfg Config, found scraped, moved, family, short string) {
	d := startDaemon(s.t, cfg)
	if err := d.Open(); err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	wait.Until(s.t, "there is no scrape", func() bool { return d.scrapes.Load() > 0 })
	rounds := int(soak.Pick(4*time.Second, time.Minute) / (200 * time.Millisecond))
	for round := range rounds {
		lines := []string{"stay.a:3|c", "stay.b:1|c|@0.5", moved + ":1|c", "timer:5:10:20|ms"}
		if short != "" && round < 3 {
			lines = append(lines, short+":2|c")
			s.sent["short"] += 2
		}
		d.flush(lines...)
		s.sent[`stay{of="a"}`] += 3
		s.sent[`stay{of="b"}`] += 2
		s.sent[family] += 1
		s.sent["timer_count"] += 3
		if round == rounds/2 { // the rules differ only in a comment, so all series must continue
			d.Reload(d.changed(cfg, d.mapping.text+"\n# again"))
		}
		time.Sleep(200 * time.Millisecond)
	}
	d.flush()
	for series, sent := range s.sent {
		wait.Until(s.t, series+" was not scraped", func() bool { return grown(found(series)) >= sent })
	}
	if short != "" && strings.Contains(d.page(), "\nshort ") {
		s.t.Error("a series is on the page after its ttl")
	}
	checkMetrics(s.t, d.page())
	stop()
	if err := <-ended; err != nil {
		s.t.Error(err)
	}
}

// checkMetrics checks a page with promtool. It fails only if promtool cannot parse the page. It ignores
// promtool's advice about the names of metrics.
func checkMetrics(t *testing.T, page string) {
	t.Helper()
	check := exec.Command(counterpart.Find(t, "promtool"), "check", "metrics")
	check.Stdin = strings.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil && strings.Contains(string(out), "error while linting") {
		t.Errorf("promtool: %s", out)
	}
}

const scrapeConfig = "{global: {scrape_interval: 200ms}, scrape_configs: [{job_name: statsd, static_configs: [{targets: ['%s']}]}]}"

func startPrometheus(t *testing.T, target string) scraped {
	p := counterpart.StartPrometheus(t, fmt.Sprintf(scrapeConfig, target))
	return func(series string) (values []float64) {
		var matrix struct {
			Result []struct{ Values [][2]any }
		}
		p.Get("query", url.Values{"query": {series + "[1h]"}}, &matrix)
		for _, r := range matrix.Result {
			for _, v := range r.Values {
				text, _ := v[1].(string)
				value, err := strconv.ParseFloat(text, 64)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
		}
		if soak.On() && len(matrix.Result) > 0 {
			checkIncrease(t, p, series, grown(values))
		}
		return values
	}
}

// checkIncrease checks the result of Prometheus's increase(), which is an extrapolated estimate.
func checkIncrease(t *testing.T, p *counterpart.Prometheus, series string, grew float64) {
	for _, s := range p.Query("increase(" + series + "[1h])") {
		if grew > 500 && math.Abs(s.Value/grew-1) > 0.01 {
			t.Errorf("increase() of %s is %v, and it grew by %v", series, s.Value, grew)
		}
	}
}

func startVictoria(t *testing.T, target string) scraped {
	config := t.TempDir() + "/scrape.yml"
	writeMapping(t, config, fmt.Sprintf(scrapeConfig, target))
	v := counterpart.StartVictoriaMetrics(t, "-promscrape.config="+config, "-promscrape.configCheckInterval=0")
	return func(series string) (values []float64) {
		at := map[int64]float64{} // VictoriaMetrics exports a series in blocks, which are not sorted
		for _, e := range v.Export(series) {
			for i, when := range e.Timestamps {
				at[when] = e.Values[i]
			}
		}
		for _, when := range slices.Sorted(maps.Keys(at)) {
			values = append(values, at[when])
		}
		return values
	}
}
