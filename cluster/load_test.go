package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// interval is the flush interval of all daemons.
	interval = 2 * time.Second
	// The samples of a window are sent this long after the start of the window. So they rarely arrive
	// in another window, even on a busy machine.
	afterBegin = 2 * interval / 5
)

// load sends samples to edges, and computes the points that the cluster must publish.
type load struct {
	t    testing.TB
	stop chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex
	edges   []*edgeLoad
	windows map[int64]*window // the samples of each flush interval; the key is the end of the interval in Unix seconds
	// unsure contains the ends of windows that are not compared. A window may lack samples that came late, or have late
	// samples of the previous window.
	unsure map[int64]bool
}

// edgeLoad is the connection over which samples are sent to one edge.
type edgeLoad struct {
	*daemon
	conn net.Conn
	on   bool
}

// window holds the samples of one flush interval.
type window struct {
	sent map[string][]metric.Sample // samples by the name of the edge
	// maybe contains the edges that were killed. Their samples may be missing in the published
	// points.
	maybe map[string]bool
}

func newLoad(t testing.TB) *load {
	l := &load{t: t, stop: make(chan struct{}), windows: map[int64]*window{}, unsure: map[int64]bool{}}
	l.done.Go(l.run)
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// add starts sending samples to an edge. The first samples are sent in the next window.
func (l *load) add(d *daemon) {
	l.t.Helper()
	conn, err := net.Dial("udp", d.addr.String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edges = append(l.edges, &edgeLoad{d, conn, true})
}

// set turns the samples for an edge on or off.
func (l *load) set(name string, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.edges {
		if e.name == name {
			e.on = on
		}
	}
}

// killed notes that an edge is being killed. The edge loses the samples that it has not forwarded,
// so samples of the last three windows may be missing.
func (l *load) killed(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := end(time.Now())
	for back := range int64(3) {
		if w := l.windows[now-back*int64(interval/time.Second)]; w != nil {
			w.maybe[name] = true
		}
	}
}

// end returns the end of the window that contains a time.
func end(at time.Time) int64 {
	return (at.UnixNano()/int64(interval) + 1) * int64(interval) / int64(time.Second)
}

func (l *load) run() {
	for {
		at := time.Now()
		next := time.Unix(end(at), 0)
		select {
		case <-time.After(next.Add(afterBegin).Sub(at)):
		case <-l.stop:
			return
		}
		l.window(end(next))
	}
}

// window sends the samples of one window.
func (l *load) window(ends int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &window{sent: map[string][]metric.Sample{}, maybe: map[string]bool{}}
	l.windows[ends] = w
	for number, e := range l.edges {
		if !e.on {
			continue
		}
		samples := samples(ends, number, e.name)
		w.sent[e.name] = samples
		for part := range slices.Chunk(samples, 20) {
			var b bytes.Buffer
			for i := range part {
				b.WriteString(line(&part[i]))
			}
			_, _ = e.conn.Write(b.Bytes()) // ignore the error: a stopped edge gets no samples, and the scenario expects this
		}
	}
	for _, e := range l.edges {
		if n := len(w.sent[e.name]); n > 0 {
			l.done.Go(func() { l.confirm(e.daemon, n, ends) })
		}
	}
}

// confirm asks an edge whether the samples of a window have come before its end. On a busy machine
// they may come too late. They are then part of the next window. An edge that does not answer was
// killed; see the method killed.
func (l *load) confirm(edge *daemon, n int, ends int64) {
	deadline := time.Unix(ends, 0)
	for {
		received, err := edge.pending(deadline)
		inTime := time.Now().Before(deadline)
		if inTime && err == nil && received >= n {
			return
		}
		if !inTime {
			if slow, ok := errors.AsType[net.Error](err); err == nil || ok && slow.Timeout() {
				l.doubt(edge.name, ends)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// doubt excludes three windows of an edge from the comparison: the given window, the window before and the window
// after. The reason is that a late flush also takes samples of the next window.
func (l *load) doubt(edge string, ends int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.windows[ends].maybe[edge] {
		return // the edge was killed
	}
	l.t.Logf("%s may have received samples before the start or after the end of their window, %d", edge, ends)
	const seconds = int64(interval / time.Second)
	for window := ends - seconds; window <= ends+seconds; window += seconds {
		l.unsure[window] = true
	}
}

// samples returns the samples of one window for one edge.
func samples(ends int64, number int, name string) (all []metric.Sample) {
	add := func(kind metric.Kind, name string, value float64, member string) {
		all = append(all, metric.Sample{Kind: kind, Name: []byte(name), Value: value, Weight: 1, Member: []byte(member)})
	}
	for i := range 40 {
		add(metric.Counter, fmt.Sprintf("test.count%d", i), float64((ends*7+int64(number*13+i))%1000), "")
	}
	for i := range 15 {
		for n := range 5 {
			add(metric.Timer, fmt.Sprintf("test.time%d", i), float64((ends*31+int64(number*101+i*17+n*37))%2000)/8, "")
		}
	}
	for i := range 10 {
		for n := range 4 {
			add(metric.Set, fmt.Sprintf("test.set%d", i), 0, fmt.Sprint((ends+int64(number*3+n*i))%17))
		}
	}
	add(metric.Gauge, "test.gauge."+name, float64(ends%100_000), "")
	return all
}

func line(s *metric.Sample) string {
	value := fmt.Sprint(s.Value)
	if s.Kind == metric.Set {
		value = string(s.Member)
	}
	return fmt.Sprintf("%s:%s|%s\n", s.Name, value, map[metric.Kind]string{
		metric.Counter: "c", metric.Timer: "ms", metric.Set: "s", metric.Gauge: "g",
	}[s.Kind])
}

// expected returns the points of a window by path. If edges were killed, a path has several
// possible values: with and without the samples of these edges.
func (w *window) expected(ends int64) map[string][]float64 {
	var maybe []string
	for name := range w.maybe {
		maybe = append(maybe, name)
	}
	all := map[string][]float64{}
	for subset := range 1 << len(maybe) {
		without := map[string]bool{}
		for i, name := range maybe {
			without[name] = subset>>i&1 == 1
		}
		for path, v := range w.summarize(ends, without) {
			all[path] = append(all[path], v)
		}
	}
	for _, name := range maybe {
		delete(all, "stats.gauges.test.gauge."+name) // the gauge may still have an older value
	}
	return all
}

func (w *window) summarize(ends int64, without map[string]bool) map[string]float64 {
	table := aggregate.NewTable(aggregate.Config{
		Shards: 1, MaxNames: 10000, MaxNameLength: 100, MaxSetMembers: 10000, MaxTimerSamples: 100_000,
		Expire: [metric.Kinds]uint32{2, 2, 2, 2},
	})
	shard := table.Shard(0)
	shard.Lock()
	for name, samples := range w.sent {
		if without[name] {
			continue
		}
		for i := range samples {
			s := samples[i]
			shard.Add(&s)
		}
	}
	shard.Unlock()
	layout := aggregate.Etsy.Layout()
	layout.Interval = interval
	all := map[string]float64{}
	for p := range table.Drain(nil).Summarize(layout, ends).Points() {
		all[string(p.Path)] = p.Value
	}
	return all
}

// difference compares the points received for the windows that end in [from, to] with the expected
// points. It returns the number of points, and a description of each difference.
func (l *load) difference(g *graphite, from, to int64) (points int, differs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ends := from; ends <= to; ends += int64(interval / time.Second) {
		w := l.windows[ends]
		if w == nil || l.unsure[ends] {
			continue
		}
		got := g.at(ends)
		for path, want := range w.expected(ends) {
			points++
			switch v, found := got[path]; {
			case !found:
				differs = append(differs, fmt.Sprintf("%d: %s is missing, want %v", ends, path, want))
			case !slices.Contains(want, v):
				differs = append(differs, fmt.Sprintf("%d: %s is %v, want %v", ends, path, v, want))
			}
		}
	}
	return points, differs
}
