package client_test

import (
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
	"github.com/statsd-ops/statsd/internal/soak"
)

func TestLines(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  client.Config
		do   func(c *client.Client)
		want string
	}{
		{"counters", client.Config{}, func(c *client.Client) { c.Incr("a"); c.Decr("a", 1); c.Count("a", 100); c.Count("a", math.MinInt64) },
			"a:1|c a:-1|c a:100|c a:-9223372036854775808|c"},
		{"gauges", client.Config{}, func(c *client.Client) {
			c.Gauge("g", 0)
			c.Gauge("g", math.Copysign(0, -1))
			c.Gauge("g", 1e21)
			c.Gauge("g", 1e-7)
			c.Gauge("g", -0.5)
		}, "g:0|g g:0|g g:1000000000000000000000|g g:0.0000001|g g:0|g g:-0.5|g"},
		{"deltas", client.Config{}, func(c *client.Client) { c.GaugeDelta("g", 1.5); c.GaugeDelta("g", -2); c.GaugeDelta("g", 0) },
			"g:+1.5|g g:-2|g g:+0|g"},
		{"timings", client.Config{}, func(c *client.Client) {
			c.Timing("t", 320*time.Millisecond)
			c.Timing("t", 1)
			c.Timing("t", 1500*time.Microsecond)
			c.Timing("t", -2500*time.Microsecond)
			c.Timing("t", math.MinInt64)
		}, "t:320|ms t:0.000001|ms t:1.5|ms t:-2.5|ms t:-9223372036854.775808|ms"},
		{"values", client.Config{}, func(c *client.Client) { c.Histogram("h", 42.5); c.Distribution("d", -1) }, "h:42.5|h d:-1|d"},
		{"sets", client.Config{}, func(c *client.Client) { c.Set("s", "ann"); c.Unique("s", -7) }, "s:ann|s s:-7|s"},
		{"injected", client.Config{Prefix: "p", TypePrefixes: true}, func(c *client.Client) { c.Inject("x", "1|c:2", "c") }, "p.x:1|c:2|c"},
		{"prefixes", client.Config{Prefix: "app.", TypePrefixes: true}, func(c *client.Client) {
			d := c.With("db").With("reads.")
			d.Incr("a")
			d.Gauge("b", 1)
			d.Timing("c", 0)
			d.Histogram("d", 1)
			d.Set("e", "x")
		}, "app.counters.db.reads.a:1|c app.gauges.db.reads.b:1|g app.timers.db.reads.c:0|ms app.timers.db.reads.d:1|h app.sets.db.reads.e:x|s"},
		{"tags", client.Config{Tags: []string{"env:prod"}}, func(c *client.Client) {
			c.Incr("a")
			c.Incr("a", "k:v", "", "bare")
			c.With("", "x:y").Gauge("b", -1, "z")
		}, "a:1|c|#env:prod a:1|c|#env:prod,k:v,bare b:0|g|#env:prod,x:y,z b:-1|g|#env:prod,x:y,z"},
		{"breaking bytes", client.Config{Prefix: "a:b|c"}, func(c *client.Client) {
			c.Incr("evil\nx:1|c")
			c.Incr("a long enough name\r\n")
			c.Incr("", "lost")
			c.Set("s", "2001:db8::1|x\n")
			c.Incr("é", "t:1,2|3\n")
			c.Inject("x", "1\n", "c\n")
		}, "a_b_c.evil_x_1_c:1|c a_b_c.a long enough name__:1|c a_b_c.s:2001_db8__1_x_|s a_b_c.é:1|c|#t:1_2_3_ a_b_c.x:1_|c_"},
		{"invalid values", client.Config{}, func(c *client.Client) {
			c.Gauge("g", math.NaN())
			c.GaugeDelta("g", math.Inf(1))
			c.Histogram("h", math.Inf(-1))
			c.NewGauge("g").Set(math.NaN())
			c.Set("s", "")
			c.Inject("x", "", "c")
			c.Incr("only")
		}, "only:1|c"},
		{"handles", client.Config{Prefix: "p", Tags: []string{"t"}}, func(c *client.Client) {
			n := c.NewCounter("n", "u")
			n.Incr()
			n.Decr(1)
			n.Add(7)
			g := c.NewGauge("g")
			g.Set(2)
			g.Set(-2)
			g.Add(-2)
			c.NewTimer("t").Record(time.Second)
		}, "p.n:1|c|#t,u p.n:-1|c|#t,u p.n:7|c|#t,u p.g:2|g|#t p.g:0|g|#t p.g:-2|g|#t p.g:-2|g|#t p.t:1000|ms|#t"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rec := clienttest.New(t, test.cfg)
			test.do(rec.Client)
			want := strings.Split(strings.ReplaceAll(test.want, "a long enough name", "a~long~enough~name"), " ")
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "~", " ")
			}
			if got := rec.Lines(); !slices.Equal(got, want) {
				t.Errorf("sent\n%q\nwant\n%q", got, want)
			}
		})
	}
}

func TestNoClient(t *testing.T) {
	disabled, err := client.New(client.Config{Disabled: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*client.Client{"nil": nil, "zero": {}, "disabled": disabled} {
		c.Incr("a")
		c.Decr("a", 1)
		c.Gauge("a", -1)
		c.GaugeDelta("a", 1)
		c.Timing("a", 1)
		c.Histogram("a", 1)
		c.Distribution("a", 1)
		c.Set("a", "b")
		c.Unique("a", 1)
		c.Inject("a", "1", "c")
		c.With("p", "t").Sampled(0.5).NewCounter("a").Incr()
		c.NewGauge("a").Set(1)
		ran := false
		c.NewTimer("a").Time(func() { ran = true })
		if !ran {
			t.Errorf("%s: Time did not call its function", name)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Errorf("%s: Flush: %v", name, err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
		if s := c.Stats(); s != (client.Stats{}) {
			t.Errorf("%s: Stats are %+v", name, s)
		}
	}
	(*client.Counter)(nil).Incr()
	(*client.Gauge)(nil).Set(1)
	(&client.Timer{}).Start().Stop()
	client.Stopwatch{}.Stop()
}

func TestSampled(t *testing.T) {
	calls := float64(soak.Times(20_000))
	rec := clienttest.New(t, client.Config{})
	c := rec.Client.Sampled(0.25)
	handle := c.NewCounter("handle")
	for range int(calls) {
		c.Incr("call")
		handle.Incr()
		c.GaugeDelta("delta", 1)
		c.Unique("set", 1)
	}
	c.Sampled(1).Incr("always")
	c.Sampled(math.NaN()).Incr("always")
	for _, name := range []string{"call", "handle"} {
		// The tolerance is five standard deviations of a binomial distribution, scaled up like the count.
		if got, slack := rec.Count(name), 5*4*math.Sqrt(calls*0.25*0.75); math.Abs(got-calls) > slack {
			t.Errorf("%s counted %v, want %v within %v", name, got, calls, slack)
		}
	}
	for _, s := range rec.Samples() {
		if want := map[bool]float64{true: 0.25, false: 1}[s.Name == "call" || s.Name == "handle"]; s.Rate != want {
			t.Fatalf("%+v: want the rate %v", s, want)
		}
	}
	if delta, _ := rec.Gauge("delta"); delta != calls {
		t.Errorf("the deltas add up to %v, want all %v", delta, calls)
	}
	if n := rec.Count("always"); n != 2 {
		t.Errorf("a rate that means always sent %v of 2", n)
	}
}

func TestStopwatch(t *testing.T) {
	rec := clienttest.New(t, client.Config{})
	timer := rec.Client.NewTimer("t")
	d := timer.Start().Stop()
	func() {
		defer func() { _ = recover() }()
		timer.Time(func() { panic("even so") })
	}()
	got := rec.Values("t")
	if len(got) != 2 || got[0] != float64(d)/1e6 {
		t.Errorf("recorded %v ms, want two, the first %v", got, d)
	}
}

func TestNoAllocations(t *testing.T) {
	for _, aggregate := range []time.Duration{0, time.Hour} {
		rec := clienttest.New(t, client.Config{Prefix: "app", Aggregate: aggregate, QueueSize: 4, FlushInterval: time.Hour})
		c := rec.Client
		derived := c.With("db", "k:v")
		counter, gauge, timer := derived.NewCounter("c"), c.NewGauge("g"), c.NewTimer("t")
		for name, f := range map[string]func(){
			"Incr":      func() { c.Incr("some.counter") },
			"tags":      func() { c.Incr("some.counter", "a:b", "c:d") },
			"derived":   func() { derived.Incr("some.counter") },
			"Sampled":   func() { c.Sampled(0.5).Incr("some.counter") },
			"Gauge":     func() { c.Gauge("some.gauge", 12.345) },
			"Timing":    func() { c.Timing("some.timer", 12345678) },
			"Histogram": func() { c.Histogram("some.histogram", 12.34567) },
			"Set":       func() { c.Set("some.set", "member") },
			"Unique":    func() { c.Unique("some.set", 1234567) },
			"Inject":    func() { c.Inject("some.name", "1", "x") },
			"Counter":   func() { counter.Incr() },
			"GaugeOf":   func() { gauge.Set(-1) },
			"Timer":     func() { timer.Start().Stop() },
		} {
			// Fill the queue first. From then on, packets are reused.
			for range 3000 {
				f()
			}
			if n := testing.AllocsPerRun(1000, f); n != 0 {
				t.Errorf("%s with Aggregate %v allocates %v times", name, aggregate, n)
			}
		}
	}
}

// TestExtremeFloats sends the largest float64, which has 309 digits, and the smallest, which has 1074 decimal
// places.
func TestExtremeFloats(t *testing.T) {
	rec := clienttest.New(t, client.Config{})
	for _, v := range []float64{math.MaxFloat64, math.SmallestNonzeroFloat64, 1e15 + 0.5, 0.1 + 0.2, 123456789.125} {
		rec.Client.Histogram("h", v)
		if got := rec.Values("h"); got[len(got)-1] != v {
			t.Errorf("%v was sent as %v", v, got[len(got)-1])
		}
	}
}

// TestTooLong checks that the cost of dropping a long text does not grow with its length.
func TestTooLong(t *testing.T) {
	for _, aggregate := range []time.Duration{0, time.Hour} {
		rec := clienttest.New(t, client.Config{Aggregate: aggregate})
		c, long := rec.Client, strings.Repeat("x", 1<<20)
		handle := c.NewCounter(long)
		allocations := testing.AllocsPerRun(1, func() {
			c.Incr(long)
			c.Incr("a", long)
			c.Set("s", long)
			c.Set(long, "m")
			c.Inject("x", long, "c")
			c.Inject("x", "1", long)
			handle.Incr()
		})
		if lines := rec.Lines(); len(lines) != 0 || allocations != 0 {
			t.Errorf("sent %.200q, %v allocations", lines, allocations)
		}
		if s := c.Stats(); s.Dropped.TooLong != 14 || s.Lines != 14 {
			t.Errorf("14 lines too long are counted as %+v", s)
		}
	}
}

func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		if !strings.HasPrefix(pkg, "github.com/statsd-ops/statsd/client") {
			t.Errorf("client imports %s", pkg)
		}
	}
}
