//go:build linux

package main

import (
	"bufio"
	"bytes"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// TestMain runs the minimal receiver of floor.go if the first argument is "floor". The command bench does the same.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "floor" {
		if err := runFloor(os.Args[2:]); err != nil {
			os.Exit(1)
		}
		return
	}
	// Tell the race detector to omit its pause of one second at the end of a program.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// short is a workload that takes less than a second. All its metrics fit into the smallest socket
// buffer, so the daemon must publish all of them even if it gets no CPU time for a while.
var short = workload{
	name: "short", traffic: traffic{mix: allKinds, names: 500, pack: packed},
	network: "udp", rate: 5_000, length: 300 * time.Millisecond, flush: 300 * time.Millisecond, drain: 1000,
}

func TestFloorIsMeasured(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	measure(t, "", "floor", short)
	stream := short
	stream.network, stream.traffic.stream = "tcp", true
	measure(t, "", "floor", stream)
	measure(t, "", "floor-blocking", short)
}

// measure runs a workload. It fails the test if metrics were lost or a value was not measured.
func measure(t *testing.T, statsd, name string, w workload) {
	t.Helper()
	chosen, err := choose(name, peers(statsd), func(p peer) string { return p.name })
	if err != nil {
		t.Fatal(err)
	}
	var b bench
	for i, run := range []func(peer, workload) (measured, error){
		func(p peer, w workload) (measured, error) { return b.paced(p, w, w.rate) },
		b.drained,
	} {
		m, err := run(chosen[0], w)
		if err != nil {
			t.Fatal(err)
		}
		if m.received < 1-1e-9 || m.received > 1+1e-9 {
			t.Errorf("%s, run %d: received the part %v of the sent metrics, want all", name, i, m.received)
		}
		// If the drain is very short, the kernel may not have counted any CPU time for it.
		if m.cpu <= 0 && m.rate <= 0 {
			t.Errorf("%s, run %d: neither CPU time nor rate: %+v", name, i, m)
		}
	}
}

func TestTrafficIsTheSameAndAddsUp(t *testing.T) {
	for _, stream := range []bool{false, true} {
		tr := short.traffic
		tr.stream = stream
		packets := tr.packets()
		if !reflect.DeepEqual(packets, tr.packets()) {
			t.Fatal("the same traffic is other packets")
		}
		seen := map[string]int{}
		for _, p := range packets {
			if len(p.data) > packed {
				t.Fatalf("a packet of %d bytes", len(p.data))
			}
			if strings.HasSuffix(string(p.data), "\n") != stream {
				t.Fatalf("stream %v: packet ends with %q", stream, p.data[len(p.data)-1])
			}
			metrics, count := 0, 0
			for line := range strings.Lines(string(p.data)) {
				name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
				value, suffix, _ := strings.Cut(rest, "|")
				n, err := strconv.Atoi(value)
				if err != nil {
					t.Fatalf("line %q: %v", line, err)
				}
				if suffix == "c" {
					count += n
				}
				metrics++
				seen[name]++
			}
			if metrics != p.metrics || count != p.count {
				t.Fatalf("a packet of %d metrics and a count of %d says %d and %d", metrics, count, p.metrics, p.count)
			}
		}
		if len(seen) != tr.names {
			t.Errorf("%d names, want %d", len(seen), tr.names)
		}
		rounds := (fewest + tr.names - 1) / tr.names
		for name, n := range seen {
			if n != rounds {
				t.Errorf("%s occurs %d times, want %d", name, n, rounds)
			}
		}
	}
}

func TestMembersAreNew(t *testing.T) {
	seen := map[string]bool{}
	lines := 0
	for _, p := range memberPackets(1000) {
		if len(p.data) > packed {
			t.Fatalf("a packet of %d bytes", len(p.data))
		}
		for line := range strings.Lines(string(p.data)) {
			_, member, _ := strings.Cut(strings.TrimSpace(line), ":")
			seen[member] = true
			lines++
		}
	}
	if lines != 1000 || len(seen) != 1000 {
		t.Errorf("%d lines with %d members, want 1000 with 1000", lines, len(seen))
	}
}

func TestBrief(t *testing.T) {
	for v, want := range map[float64]string{0.0954: "0.095", 1.26: "1.3", 27.4: "27", 336.6: "337"} {
		if got := brief(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestCarbonAddsUpCounters(t *testing.T) {
	c := &carbon{counters: names{"stats.app.", ".count"}, totals: totals{after: map[int64]time.Duration{}}}
	r := bufio.NewReader(strings.NewReader("stats.app.a.count 2.5 1\nstats.app.a.rate 7 1\nstats.rpc.a.count 7 1\nstats.app.b.count 3 2\n"))
	if !c.take(r) || c.take(r) {
		t.Error("the end of a connection is not detected")
	}
	if after := c.snapshot().after; len(after) != 1 || time.Since(time.Unix(2, 0))-after[2] > time.Hour {
		t.Errorf("published after %v", after)
	}
	if got := c.snapshot(); got.lines != 4 || got.sum != 5.5 {
		t.Errorf("got %d lines and a sum of %v, want 4 and 5.5", got.lines, got.sum)
	}
}

func TestChoose(t *testing.T) {
	got, err := choose("W3, W1", workloads(), workloadName)
	if err != nil || len(got) != 2 || got[0].name != "W1" || got[1].name != "W3" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose("W1,W99", workloads(), workloadName); err == nil || !strings.Contains(err.Error(), `"W99" is not one of W1, W2`) {
		t.Errorf("got %v", err)
	}
}

func TestTable(t *testing.T) {
	rounds := func(cpus ...float64) (all []round) {
		for _, cpu := range cpus {
			all = append(all, round{paced: &measured{cpu: cpu, received: 1}})
		}
		return all
	}
	table := &table{
		workload: workload{name: "W0", title: "nothing much", network: "udp"},
		rows: []*row{
			{peer: peer{name: "floor"}, rounds: rounds(1, 2, 4)},
			{peer: peer{name: "statsd"}, rounds: append(rounds(0.5, 1.5), round{}), max: limit{rate: 2e6}},
		},
		failures: []string{"statsd in W0: it fell over"},
	}
	want := strings.TrimPrefix(`
### W0: nothing much

| daemon | CPU cold, µs a metric | × floor | received, % | max without loss, M/s |
|---|---:|---:|---:|---:|
| floor | 2.000 (1.000–4.000) | 1.00 | 100.00 |  |
| statsd | 1.000 (0.500–1.500) | 0.62 | 100.00 | 2.00 |

Failed: statsd in W0: it fell over
`, "\n")
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRefusesWhatItCannotMeasure(t *testing.T) {
	var out bytes.Buffer
	err := run([]string{"-statsd", "no/such/statsd", "idle"}, &out, &out)
	if err == nil || !strings.Contains(err.Error(), "no/such/statsd") {
		t.Errorf("got %v", err)
	}
}
