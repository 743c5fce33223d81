package history

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta"
)

const interval = 10 * time.Second

// start is a time at which an hour and a day begin.
var start = time.Unix(1_795_910_400, 0)

func count(name string, v float64) meta.Figure { return meta.Figure{Name: name, Value: v, Count: true} }
func gauge(name string, v float64) meta.Figure { return meta.Figure{Name: name, Value: v} }

// rateIn returns the expected growth of a count per second between two times, and the highest
// growth per second in one flush interval.
func (m *model) rateIn(name string, from, to int64) (rate, greatest float64) {
	grew, seconds, greatest := 0.0, 0.0, gap
	before, beforeAt := gap, int64(0)
	for i, at := range m.at {
		v := m.valueIn(i, name)
		if v != v {
			continue
		}
		if before == before && at > from && at <= to && v >= before {
			grew += v - before
			seconds += float64(at-beforeAt) / 1e9
			greatest = greater(greatest, (v-before)/(float64(at-beforeAt)/1e9))
		}
		before, beforeAt = v, at
	}
	return grew / seconds, greatest
}

// meanIn returns the expected mean of a gauge between two times, and its maximum.
func (m *model) meanIn(name string, from, to int64) (mean, greatest float64) {
	sum, n, greatest := 0.0, 0.0, gap
	for i, at := range m.at {
		if v := m.valueIn(i, name); v == v && at > from && at <= to {
			sum += v
			n++
			greatest = greater(greatest, v)
		}
	}
	return sum / n, greatest
}

func close2(a, b float64) bool {
	return a != a && b != b || math.Abs(a-b) <= 1e-5+1e-4*math.Abs(b)
}

// TestSeriesAgainstModel compares series with the results of a model. Some flushes are missed, and
// the clock is set back.
func TestSeriesAgainstModel(t *testing.T) {
	for seed := range uint64(soak.Times(6)) {
		r := rand.New(rand.NewPCG(seed, 3))
		f := NewFigures(interval)
		var m model
		at, total := start, 0.0
		for i := range 3000 {
			switch r.IntN(150) {
			case 0:
				at = at.Add(time.Duration(r.IntN(30)) * interval)
			case 1:
				at = at.Add(-time.Duration(r.IntN(min(30, i+1))) * interval)
			}
			at = at.Add(interval)
			total += float64(r.IntN(1000))
			fs := []meta.Figure{count("count", total), gauge("gauge", 100*r.Float64())}
			if i/40%3 == 1 {
				fs = append(fs, count("sink.a", total/2), gauge("sink.a.behind", float64(r.IntN(9))))
			}
			f.Keep(at, fs)
			m.keep(at, fs)
		}
		for _, ask := range []struct {
			over   time.Duration
			points int
		}{{15 * time.Minute, 2000}, {time.Hour, 30}, {5 * time.Hour, 77}} {
			s := f.Series(Query{Names: []string{"count", "gauge", "sink.a", "sink.a.behind", "unknown"}, Since: at.Add(-ask.over), Points: ask.points})
			if n := len(s.Lines[0].Values); n > ask.points || s.At(n-1).Before(at) || s.T0.Add(-s.Step).After(at.Add(-ask.over)) || s.Step%interval != 0 {
				t.Fatalf("%d points from %v, each %v, for %v to %v", n, s.T0, s.Step, ask, at)
			}
			for n, line := range s.Lines {
				model := m.meanIn
				if n%2 == 0 {
					model = m.rateIn
				}
				if line.Known != (n < 4) || line.Known && line.Rate != (n%2 == 0) {
					t.Fatalf("%s: known %v, rate %v", line.Name, line.Known, line.Rate)
				}
				began := false
				for i := range line.Values {
					want, greatest := model(line.Name, s.At(i).Add(-s.Step).UnixNano(), s.At(i).UnixNano())
					if began = began || line.Values[i] == line.Values[i]; !began {
						continue // NaN, because the first growth of a count is not known
					}
					if !close2(line.Values[i], want) || !close2(line.Greatest[i], greatest) {
						t.Fatalf("seed %d, %v, %s at %v: %v, greatest %v; want %v, %v", seed, ask, line.Name, s.At(i), line.Values[i], line.Greatest[i], want, greatest)
					}
				}
			}
		}
	}
}

// TestSeriesOfDays queries a period that is longer than a day. For such a period, the history has an entry for each
// minute, not for each flush.
func TestSeriesOfDays(t *testing.T) {
	f := NewFigures(interval)
	at, total := start, 0.0
	for i := range 3 * 8640 {
		at = at.Add(interval)
		total += 50
		size := 10.0
		if i == 8640/2 { // a high value at noon of the first day
			size = 1000
		}
		f.Keep(at, []meta.Figure{count("count", total), gauge("size", size)})
	}
	s := f.Series(Query{Names: []string{"count", "size"}, Since: at.Add(-3 * day), Points: 360})
	rate, size := s.Lines[0], s.Lines[1]
	peaks := 0
	for i := range rate.Values {
		if !close2(rate.Values[i], 5) && i > 0 {
			t.Errorf("%v a second at %v, want 5", rate.Values[i], s.At(i))
		}
		if size.Greatest[i] == 1000 {
			peaks++
			if noon := start.Add(day / 2); s.At(i).Before(noon) || s.At(i).Sub(noon) > s.Step {
				t.Errorf("the peak is at %v, want %v", s.At(i), noon)
			}
			if n := float64(s.Step / interval); !close2(size.Values[i], (1000+10*(n-1))/n) {
				t.Errorf("the mean at the peak is %v, of steps of %v", size.Values[i], s.Step)
			}
		} else if size.Greatest[i] != 10 || !close2(size.Values[i], 10) {
			t.Errorf("size %v, greatest %v at %v", size.Values[i], size.Greatest[i], s.At(i))
		}
	}
	if peaks != 1 || s.Missing != 0 || size.Sum.Max != 1000 || size.Sum.Last != 10 || size.Sum.Min != 10 {
		t.Errorf("%d peaks, %d missing, %+v", peaks, s.Missing, size.Sum)
	}
}

// TestGapsAreTold checks that the missing flushes of a suspended daemon are reported.
func TestGapsAreTold(t *testing.T) {
	f := NewFigures(interval)
	at, total := start, 0.0
	for i := range 60 {
		at = at.Add(interval)
		if i == 30 {
			at = at.Add(20 * time.Minute)
		}
		total += 100
		f.Keep(at, []meta.Figure{count("count", total)})
	}
	s := f.Series(Query{Names: []string{"count"}, Since: start, Points: 1000})
	line := s.Lines[0]
	for i, v := range line.Values {
		switch at := s.At(i).Sub(start); {
		case i == 0 || at > 30*interval && at <= 30*interval+20*time.Minute:
			if v == v {
				t.Errorf("%v at %v, when there was no flush", v, at)
			}
		case at == 31*interval+20*time.Minute:
			if want := 100 / (20*time.Minute + interval).Seconds(); !close2(v, want) {
				t.Errorf("%v after the gap, want %v: the growth over the whole time", v, want)
			}
		case !close2(v, 10):
			t.Errorf("%v at %v", v, at)
		}
	}
	if s.Held != 60 || s.Missing != 120 {
		t.Errorf("%d held, %d missing, want 60 and 120", s.Held, s.Missing)
	}
}

// TestClockSetBackByDays checks that values with times after the new time of the clock are removed.
func TestClockSetBackByDays(t *testing.T) {
	f := NewFigures(interval)
	at := start
	for range 3 * 8640 {
		at = at.Add(interval)
		f.Keep(at, []meta.Figure{gauge("size", 10)})
	}
	at = at.Add(-2*day + 30*time.Second)
	back := at
	for range 1000 {
		at = at.Add(interval)
		f.Keep(at, []meta.Figure{gauge("size", 20)})
	}
	for _, over := range []time.Duration{time.Hour, 6 * time.Hour, 27 * time.Hour} {
		s := f.Series(Query{Names: []string{"size"}, Since: at.Add(-over), Points: 2000})
		for i, v := range s.Lines[0].Values {
			began, ended := s.At(i).Add(-s.Step), s.At(i)
			switch {
			case !began.Before(back) && v != 20, !ended.After(back.Add(-time.Minute)) && began.After(start) && v != 10:
				t.Errorf("over %v: %v at %v, set back at %v", over, v, ended, back)
			}
		}
	}
}

// TestClockSetBackInAMinute checks that the mean of a minute does not include removed flushes.
func TestClockSetBackInAMinute(t *testing.T) {
	f := NewFigures(interval)
	for _, flush := range []struct{ second, size int }{{10, 90}, {20, 90}, {30, 90}, {40, 90}, {20, 20}, {30, 20}, {40, 20}, {50, 20}, {60, 30}} {
		f.Keep(start.Add(time.Duration(flush.second)*time.Second), []meta.Figure{gauge("size", float64(flush.size))})
	}
	if _, most := decode(&f.minutes, "size"); len(most) != 1 || most[0] != 30 {
		t.Errorf("the greatest of the minute is %v, want 30", most)
	}
}

// TestCountBeginsAgain checks that a count that was reset has no value at that time, instead of a
// negative rate.
func TestCountBeginsAgain(t *testing.T) {
	f := NewFigures(interval)
	at := start
	for i := range 20 {
		at = at.Add(interval)
		f.Keep(at, []meta.Figure{count("count", float64(100*(i%10)))})
	}
	for i, v := range f.Series(Query{Names: []string{"count"}, Since: start, Points: 100}).Lines[0].Values {
		if want := 10.0; i%10 == 0 && v == v || i%10 > 0 && v != want {
			t.Errorf("%d: %v", i, v)
		}
	}
}

func TestGrowth(t *testing.T) {
	f := NewFigures(interval)
	if grew, known := f.Growth("count", time.Hour); grew != 0 || known != 0 {
		t.Errorf("of nothing: %v over %v", grew, known)
	}
	at := start
	for i := range 400 {
		at = at.Add(interval)
		fs := []meta.Figure{count("count", float64(i*7)), gauge("names", float64(1000-i))}
		if i >= 390 {
			fs = append(fs, count("young", float64(i*2)))
		}
		f.Keep(at, fs)
	}
	for _, tt := range []struct {
		name        string
		over, known time.Duration
		grew        float64
	}{
		{"count", 15 * time.Minute, 15 * time.Minute, 90 * 7},
		{"names", 15 * time.Minute, 15 * time.Minute, -90},
		{"young", 15 * time.Minute, 9 * interval, 18},
		{"count", 5 * time.Hour, 399 * interval, 399 * 7},
		{"unknown", time.Hour, 0, 0},
	} {
		if grew, known := f.Growth(tt.name, tt.over); grew != tt.grew || known != tt.known {
			t.Errorf("%s over %v: %v over %v, want %v over %v", tt.name, tt.over, grew, known, tt.grew, tt.known)
		}
	}
}

// TestNames checks that internal columns cannot be queried as figures, and that a figure that no
// longer exists is still known.
func TestNames(t *testing.T) {
	f := NewFigures(interval)
	at := start
	for i := range 100 {
		at = at.Add(interval)
		fs := []meta.Figure{gauge("size", 1)}
		if i < 50 {
			fs = append(fs, gauge("gone", 2))
		}
		f.Keep(at, fs)
	}
	for name, want := range map[string]bool{"size": true, "gone": true, "size" + below: false, "": false} {
		if f.Known(name) != want {
			t.Errorf("Known(%q) is %v", name, !want)
		}
	}
}
