package server

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// oracle computes the expected results in a simple way, sample by sample.
type oracle struct {
	counters map[string]float64
	gauges   map[string]float64
	timers   map[string][]float64
	weights  map[string]float64 // sums of the weights of the samples of each timer
	members  map[string]map[string]bool
}

func newOracle() *oracle {
	return &oracle{map[string]float64{}, map[string]float64{}, map[string][]float64{}, map[string]float64{}, map[string]map[string]bool{}}
}

// line returns the line of a random sample, and adds the sample to the expected results. Several
// senders share gauges. They only adjust these gauges, so the order of the samples does not matter.
func (o *oracle) line(random *rand.Rand, sender int) string {
	name := fmt.Sprintf("name%d", random.IntN(200))
	value := random.IntN(1000)
	switch random.IntN(8) {
	case 0, 1:
		o.counters[name] += float64(value)
		return fmt.Sprintf("%s:%d|c", name, value)
	case 2:
		o.counters[name] += 4 * float64(value)
		return fmt.Sprintf("%s:%d|c|@0.25", name, value)
	case 3:
		o.gauges[name] += float64(value - 500)
		return fmt.Sprintf("%s:%+d|g", name, value-500)
	case 4:
		name = fmt.Sprintf("own%d.%s", sender, name)
		o.gauges[name] = float64(value)
		return fmt.Sprintf("%s:%d|g", name, value)
	case 5:
		o.timers[name] = append(o.timers[name], float64(value))
		o.weights[name] += 2
		return fmt.Sprintf("%s:%d|ms|@0.5|#tag:x", name, value)
	case 6:
		o.timers[name] = append(o.timers[name], float64(value))
		o.weights[name]++
		return fmt.Sprintf("%s:%d|h", name, value)
	default:
		if o.members[name] == nil {
			o.members[name] = map[string]bool{}
		}
		member := fmt.Sprint("m", value)
		o.members[name][member] = true
		return fmt.Sprintf("%s:%s|s", name, member)
	}
}

// merge adds the samples of the oracle other to the oracle o.
func (o *oracle) merge(other *oracle) {
	for name, v := range other.counters {
		o.counters[name] += v
	}
	for name, v := range other.gauges {
		o.gauges[name] += v
	}
	for name, v := range other.timers {
		o.timers[name] = append(o.timers[name], v...)
		o.weights[name] += other.weights[name]
	}
	for name, members := range other.members {
		if o.members[name] == nil {
			o.members[name] = map[string]bool{}
		}
		maps.Copy(o.members[name], members)
	}
}

// published returns the points that a daemon publishes if all samples are in one flush.
func (o *oracle) published(interval time.Duration) map[string]float64 {
	points := map[string]float64{}
	for name, v := range o.counters {
		points["counters."+name] = v / interval.Seconds()
	}
	for name, v := range o.gauges {
		points["gauges."+name] = v
	}
	for name, members := range o.members {
		points["sets."+name] = float64(len(members))
	}
	for name, values := range o.timers {
		slices.Sort(values)
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		n := float64(len(values))
		points["timers."+name+".lower"] = values[0]
		points["timers."+name+".upper"] = values[len(values)-1]
		points["timers."+name+".mean"] = sum / n
		points["timers."+name+".count"] = o.weights[name]
		points["timers."+name+".upper_90"] = values[max(1, int(math.Round(0.9*n)))-1]
	}
	return points
}

// pace limits the number of lines in flight, so that the kernel's buffers do not overflow. Senders
// wait when too many lines are in flight.
type pace struct {
	daemon *daemon
	sent   atomic.Int64
}

// maxInFlight is a number of lines that fits into the kernel's default buffers.
const maxInFlight = 2_000

// wrote counts sent lines, and waits if too many are in flight.
func (p *pace) wrote(lines int) {
	p.sent.Add(int64(lines))
	for p.sent.Load()-int64(figureOf(p.daemon.t, p.daemon.Server, "pending_stats")) > maxInFlight {
		time.Sleep(time.Millisecond)
	}
}

// sendMixed sends n lines to conn, a few at a time.
func (p *pace) sendMixed(conn net.Conn, o *oracle, sender, n int) {
	random := rand.New(rand.NewPCG(uint64(sender), 7))
	newline := ""
	if conn.RemoteAddr().Network() == "tcp" {
		newline = "\n"
	}
	for n > 0 {
		var lines []string
		for range min(n, 1+random.IntN(20)) {
			lines = append(lines, o.line(random, sender))
		}
		send(p.daemon.t, conn, strings.Join(lines, "\n")+newline)
		n -= len(lines)
		p.wrote(len(lines))
	}
}

// exactTotals sends n lines from 8 senders, half of them over TCP. It compares the published points
// with the oracle.
func exactTotals(t *testing.T, receivers, n int) {
	t.Helper()
	const senders = 8
	cfg := config()
	cfg.Receivers = receivers
	d := start(t, cfg)
	p := pace{daemon: d}
	oracles := make([]*oracle, senders)
	var sending sync.WaitGroup
	for i := range senders {
		conn := d.dial([]string{"udp", "tcp"}[i%2])
		oracles[i] = newOracle()
		sending.Go(func() {
			p.sendMixed(conn, oracles[i], i, n/senders)
			_ = conn.Close()
		})
	}
	sending.Wait()
	d.stop()
	all := newOracle()
	for _, o := range oracles {
		all.merge(o)
	}
	got := d.published()
	maps.DeleteFunc(got, func(path string, _ float64) bool { return strings.HasPrefix(path, "statsd.") })
	want := all.published(cfg.FlushInterval)
	for path, v := range want {
		if g, there := got[path]; !there || g != v {
			t.Errorf("%s %v (there: %v), want %v", path, g, there, v)
		}
		delete(got, path)
	}
	for path := range got {
		t.Errorf("%s came from nowhere", path)
	}
	check(t, d.Server, "udp.kernel_dropped 0", "metrics.discarded 0", "samples.refused 0",
		fmt.Sprint("samples.aggregated ", float64(n/senders*senders)), fmt.Sprint("lines.received ", float64(n/senders*senders)))
}

// The results are the same for any number of receivers.
func TestSoakExactTotals(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	n, until := soak.Pick(30_000, 10_000_000), time.Now().Add(soak.Duration(t, 0))
	for round := 1; round == 1 || time.Now().Before(until); round++ {
		for _, receivers := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%d receivers %d", receivers, round), func(t *testing.T) { exactTotals(t, receivers, n) })
		}
	}
}
