package pipes

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/statsd-ops/statsd/statvent"
)

type stats = map[string]statvent.Value

func TestMerge(t *testing.T) {
	int, float := statvent.Int, statvent.Float
	processes := []Process{
		{PID: 1, Start: 30, Stats: stats{
			"requests": int(1), "load": float(0.5), "lat.95th": int(10), "lat.median": float(2.5), "lat.mean": int(4),
			"lat.99th": int(9), "lat.100th": int(9), "mean": int(1), "demean": int(1), "x1195th": int(1), "web.temp": int(20), "a/b.version": int(3),
			"queue.mean": int(3), "queue.median": int(3), "queue.95th": int(3), "queue.99th": int(3),
			"t95th": int(1), "tmedian": int(2), "t99th": int(3), "t100th": int(4), "tmean": int(5),
		}},
		{PID: 2, Start: 20, Stats: stats{
			"requests": int(2), "load": int(1), "lat.95th": int(10), "lat.median": int(1), "lat.mean": int(5),
			"lat.99th": int(7), "lat.100th": int(7), "mean": int(4), "demean": int(1), "x1195th": int(1), "web.temp": int(30), "a/b.version": int(2),
			"queue.mean": int(4), "queue.median": int(4), "queue.95th": int(4), "queue.100th": int(4),
			"t95th": int(5), "tmedian": int(4), "t99th": int(3), "t100th": int(2), "tmean": int(2),
		}},
		{PID: 3, Start: 40, Err: errTimeout},
		{PID: 4, Start: 25, Stats: stats{"requests": int(3), "lat.95th": int(5), "huge": float(math.MaxFloat64)}},
		{PID: 5, Start: 25, Stats: stats{"huge": float(math.MaxFloat64)}},
	}
	want := stats{
		"requests": int(6), "load": float(1.5), "lat.95th": int(10), "lat.median": float(2.5), "lat.mean": float(4.5),
		"lat.99th": int(9), "lat.100th": int(9), "mean": int(5), "demean": int(2), "x1195th": int(2), "web.temp": int(50), "a/b.version": int(5),
		"queue.mean": int(7), "queue.median": int(7), "queue.95th": int(7), "queue.99th": int(3), "queue.100th": int(4),
		"t95th": int(5), "tmedian": int(4), "t99th": int(3), "t100th": int(4), "tmean": float(3.5),
		"huge": float(math.MaxFloat64),
	}
	expect := func(why string, m *Merger) {
		t.Helper()
		got := m.Merge(processes)
		for name, v := range want {
			if got[name] != v {
				t.Errorf("%s: %s is %v, want %v", why, name, got[name], v)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d names, want %d", why, len(got), len(want))
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	expect("without rules", &Merger{})

	m := &Merger{}
	for _, s := range []string{"*.temp=max", "*version=last", "lat.9*=mean", "lat.*=sum"} {
		rule, err := ParseNameRule(s)
		if err != nil {
			t.Fatal(err)
		}
		m.Rules = append(m.Rules, rule)
	}
	want["web.temp"], want["a/b.version"], want["lat.95th"], want["lat.99th"] = int(30), int(3), float(25.0/3), float(8)
	want["lat.mean"], want["lat.median"], want["lat.100th"] = int(9), float(3.5), int(16)
	expect("with rules", m)

	m = &Merger{Labels: map[string]Rule{"temp": Mean}}
	want = stats{}
	for _, p := range processes {
		for name, value := range p.Stats {
			want[name] = want[name].Add(value)
		}
	}
	want["web.temp"] = float(25)
	expect("with a label", m)

	m = &Merger{Labels: map[string]Rule{"temp": Mean, "95th": Max}}
	want["web.temp"] = int(50)
	expect("with labels that no name has all of", m)
}

func TestParseNameRule(t *testing.T) {
	for _, s := range []string{"", "a", "a=", "a=min", "a=sum ", "[a=sum", `a\=sum`} {
		if rule, err := ParseNameRule(s); err == nil && s != `a\=sum` {
			t.Errorf("%q is %v", s, rule)
		}
	}
	rule, err := ParseNameRule("k=v=max")
	if err != nil || rule.Rule != Max || !rule.Glob.Match("k=v") || rule.Rule.String() != "max" {
		t.Errorf("got %v, %v", rule, err)
	}
}

func BenchmarkMerge(b *testing.B) {
	var processes []Process
	for pid := range 200 {
		p := Process{PID: pid, Stats: make(stats)}
		for _, name := range []string{"requests", "errors", "lat.median", "lat.95th", "lat.99th", "lat.100th", "lat.mean", "load", "a", "b"} {
			p.Stats[name] = statvent.Int(1)
		}
		processes = append(processes, p)
	}
	var m Merger
	for b.Loop() {
		if m.Merge(processes)["requests"] != statvent.Int(200) {
			b.Fatal("wrong sum")
		}
	}
}
