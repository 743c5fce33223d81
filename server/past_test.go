package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// ask sends one of the queries of package operator, with arguments, and returns the answer.
func (v *virtual) ask(name string, given map[string]any) (question.Answer, error) {
	v.t.Helper()
	all := v.desk().Questions()
	i := slices.IndexFunc(all, func(q question.Question) bool { return q.Name == name })
	args, err := question.Check(all[i].Parameters, given)
	if err != nil {
		v.t.Fatal(err)
	}
	return all[i].Ask(context.Background(), args)
}

func (v *virtual) askValues(given map[string]any) question.PathValues {
	v.t.Helper()
	answer, err := v.ask("values", given)
	if err != nil {
		v.t.Fatal(err)
	}
	if !answer.Complete {
		v.t.Errorf("values %v: the answer is not complete", given)
	}
	return answer.Data.(question.PathValues)
}

func (v *virtual) askHistory(given map[string]any) question.History {
	v.t.Helper()
	answer, err := v.ask("history", given)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.Data.(question.History)
}

// recorded returns the values of a path that a sink received in a period. The last two arguments are the end and the
// length of this period.
func recorded(points []sinktest.Point, path string, until time.Time, over time.Duration) (values []float64) {
	for _, p := range points {
		if at := time.Unix(p.Time, 0); p.Path == path && at.After(until.Add(-over)) && !at.After(until) {
			values = append(values, p.Value)
		}
	}
	return values
}

// meanOf returns the exact mean, rounded once. It returns NaN if there are no values.
func meanOf(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sum := new(big.Float).SetPrec(2000)
	for _, v := range values {
		sum.Add(sum, big.NewFloat(v))
	}
	mean, _ := sum.Quo(sum, big.NewFloat(float64(len(values)))).Float64()
	return mean
}

// The means over 1, 5 and 15 minutes, the minimum and the maximum match the points that a sink
// received. The values of paths that were not queried before match too, as long as there is enough
// memory for their histories.
func TestMeansAreThoseOfTheSink(t *testing.T) {
	rec := sinktest.NewRecorder()
	inVirtualTime(t, plain(rec), func(v *virtual) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 130 {
			for range r.IntN(40) {
				n := r.IntN(6)
				v.receive(fmt.Sprintf("hits.%d:%d|c\nload.%d:%g|g\ntime.%d:%g|ms\nuser.%d:%d|s", n, r.IntN(1000), n, r.NormFloat64(), n, r.ExpFloat64()*100, n, r.IntN(50)))
			}
			v.wait(10 * time.Second)
		}
		points, now := rec.Points(), time.Now()
		checked, kinds := 0, map[string]int{}
		for after := ""; ; {
			page := v.askValues(map[string]any{"limit": 7, "after": after})
			for _, p := range page.Values {
				all := recorded(points, p.Path, now, 15*time.Minute)
				for over, got := range map[time.Duration]question.Number{time.Minute: p.M1, 5 * time.Minute: p.M5, 15 * time.Minute: p.M15} {
					want := meanOf(recorded(points, p.Path, now, over))
					if got := float64(got); got != want && !(got != got && want != want) && math.Abs(got-want) > 1e-15*math.Abs(want) {
						t.Errorf("%s over %v: %v, the sink got %v", p.Path, over, got, want)
					}
					checked++
				}
				if float64(p.Min) != slices.Min(all) || float64(p.Max) != slices.Max(all) || !p.History {
					t.Errorf("%s: %v to %v, the sink got %v to %v", p.Path, p.Min, p.Max, slices.Min(all), slices.Max(all))
				}
				last := recorded(points, p.Path, now, time.Hour)
				if float64(p.Value) != last[len(last)-1] {
					t.Errorf("%s is %v, the sink got %v", p.Path, p.Value, last[len(last)-1])
				}
				kinds[p.Kind]++
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if checked < 3*6*5 || kinds["counter"] != 6 || kinds["gauge"] != 6 || kinds["timer"] != 6*5 || kinds["set"] != 6 {
			t.Errorf("%d means were compared, of kinds %v", checked, kinds)
		}
	})
}

// The histories of a path and of a figure have values at the same times. A missed flush is a gap in
// both.
func TestPastOfFiguresAndPaths(t *testing.T) {
	cfg := plain(sinktest.NewRecorder())
	inVirtualTime(t, cfg, func(v *virtual) {
		began := time.Now()
		for i := range 60 {
			v.receive(fmt.Sprintf("hits:%d|c", 10*(i+1)))
			v.wait(10 * time.Second)
		}
		h := v.askHistory(map[string]any{"name": "samples.received,counters.hits", "seconds": 600, "points": 100})
		hits, samples := h.Series["counters.hits"], h.Series["samples.received"]
		if len(hits) != 60 || len(samples) != 60 || h.Step != 10 || !h.From.Equal(began.Add(10*time.Second)) {
			t.Fatalf("%d and %d values from %v, each %v s", len(hits), len(samples), h.From, h.Step)
		}
		for i, got := range hits {
			if float64(got) != float64(i+1) {
				t.Errorf("hits %d: %v", i, got)
			}
		}
		if s := h.Sums["counters.hits"]; s.Min != 1 || s.Max != 60 || s.Last != 60 || !s.MaxAt.Equal(time.Now()) || s.Mean != 30.5 {
			t.Errorf("the sum of hits: %+v", s)
		}
		if h.Kinds["samples.received"] != "rate" || h.Kinds["counters.hits"] != "value" || float64(samples[30]) != 0.1 || len(h.Worst["counters.hits"]) != 60 || h.Missing != 0 {
			t.Errorf("%+v", h)
		}
		if h := v.askHistory(map[string]any{"name": "names", "points": 6}); len(h.Series["names"]) > 6 || h.Series["names"][len(h.Series["names"])-1] != 1 {
			t.Errorf("names: %+v", h)
		}
		var e *question.Error
		if _, err := v.ask("history", map[string]any{"name": "no.such"}); !errors.As(err, &e) || e.Code != question.NotFound || e.Next == "" {
			t.Errorf("of an unknown name: %v", err)
		}
		if _, err := v.ask("values", map[string]any{"match": "[a"}); !errors.As(err, &e) || e.Code != question.BadParameter || e.Parameter != "match" {
			t.Errorf("of a bad glob: %v", err)
		}
	})
}

// Queries find all published paths, even if there are more paths than --keep-values. A path without
// a history gets a history when it is queried.
func TestValuesBeyondKeepValues(t *testing.T) {
	cfg := plain(sinktest.NewRecorder())
	cfg.KeepValues, cfg.HistoryMemory = 50, 40*1400
	inVirtualTime(t, cfg, func(v *virtual) {
		round := func() {
			for i := range 300 {
				v.receive(fmt.Sprintf("a.%03d:%d|g", i, i))
			}
			v.wait(10 * time.Second)
		}
		round()
		for i, match := range []string{"gauges.a.299", "gauges.a.2*9"} {
			go round()
			v.wait(5 * time.Second) // a query waits at most 7 s for the next flush
			page := v.askValues(map[string]any{"match": match})
			if last := page.Values[len(page.Values)-1]; page.Held != 300 || last.Value != 299 || last.Kind != "gauge" || last.History != (i == 1) {
				t.Errorf("%s: %+v", match, page)
			}
			v.wait(6 * time.Second)
			round()
		}
		page := v.askValues(map[string]any{"match": "gauges.a.2*9"})
		if page.Matched != 10 || page.Histories >= 50 || page.Histories < 30 {
			t.Errorf("%d match, %d have a history", page.Matched, page.Histories)
		}
		for _, p := range page.Values {
			if !p.History || p.M1 != p.Value {
				t.Errorf("%+v", p)
			}
		}
		go round()
		v.wait(5 * time.Second)
		const note = "no history of gauges.a.150 ("
		h := v.askHistory(map[string]any{"name": "gauges.a.150"})
		if len(h.Notes) != 1 || !strings.HasPrefix(h.Notes[0], note) || !strings.HasSuffix(h.Notes[0], " of 300 paths have one); a history is kept from now on") {
			t.Errorf("%q", h.Notes)
		}
		v.wait(6 * time.Second)
		round()
		if h := v.askHistory(map[string]any{"name": "gauges.a.150"}); len(h.Notes) > 0 || h.Sums["gauges.a.150"].Last != 150 {
			t.Errorf("%+v", h)
		}
	})
}

// The query "values" also finds paths that were published earlier but are not in the last flush. The field Held counts
// these paths too, so Held is never less than the field Matched.
func TestHeldPathsCoverTheMatches(t *testing.T) {
	inVirtualTime(t, plain(sinktest.NewRecorder()), func(v *virtual) {
		v.receive("a:1|g")
		v.wait(30 * time.Second)
		if page := v.askValues(map[string]any{"match": "gauges.a"}); page.Matched != 1 || page.Held < page.Matched {
			t.Errorf("%d of %d paths match", page.Matched, page.Held)
		}
	})
}
