package hostile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// sender sends the same line over TCP many times a second.
type sender struct {
	conn net.Conn
	line string
	quit chan struct{}
	done chan struct{}

	mu   sync.Mutex
	sent int // number of bytes sent
}

func (d *statsd) newSender(line string, rate int) *sender {
	s := &sender{conn: d.dial("tcp"), line: line, quit: make(chan struct{}), done: make(chan struct{})}
	go s.run(rate)
	return s
}

func (s *sender) run(rate int) {
	defer close(s.done)
	const pause = 10 * time.Millisecond
	lines := bytes.Repeat([]byte(s.line), rate*int(pause)/int(time.Second))
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-ticks.C:
		}
		s.mu.Lock()
		n, err := s.conn.Write(lines)
		s.sent += n
		s.mu.Unlock()
		if err != nil {
			return // the daemon has closed the connection
		}
	}
}

func (s *sender) stop() {
	close(s.quit)
	<-s.done
}

// arrived returns how many whole lines the kernel has received for the daemon.
func (s *sender) arrived(t *testing.T) int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := s.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	waiting := 0
	if err := raw.Control(func(fd uintptr) { waiting, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return (s.sent - waiting) / len(s.line)
}

// The daemon gets SIGTERM under load, once with a working sink and once with a dead one. It
// publishes every line that arrived before the signal. If a client ends within half of the grace
// period, all of its lines are published.
func TestSoakTerminated(t *testing.T) {
	const senders, rate = 10, 5_000
	grace := soak.Pick(10*time.Second, 5*time.Second) // the daemon reads during the first half of the grace period
	for name, up := range map[string]bool{"up": true, "down": false} {
		t.Run(name, func(t *testing.T) {
			sideBySide(t)
			sink := sinktest.NewServer(t)
			if !up {
				sink.Stop()
			}
			spool := "--spool-dir=" + t.TempDir()
			d := startTo(t, sink.Addr(), time.Second, "--metadata-prefix=", spool, fmt.Sprint("--grace=", grace))
			var all []*sender
			for i := range senders {
				all = append(all, d.newSender(fmt.Sprintf("sender.%d:1|c\n", i), rate))
			}
			time.Sleep(soak.Pick(time.Second, 20*time.Second))
			least := make([]int, senders)
			for i, s := range all {
				least[i] = s.arrived(t)
			}
			begun := time.Now()
			d.signal(unix.SIGTERM)
			time.Sleep(200 * time.Millisecond)
			for i, s := range all[:senders/2] { // the other senders continue
				s.stop()
				least[i] = s.sent / len(s.line)
			}
			if err := d.cmd.Wait(); err != nil {
				t.Fatalf("%v; the log says:\n%s", err, d.log)
			}
			took := time.Since(begun)
			inTime(t, "the end", took, grace)
			for _, s := range all[senders/2:] {
				s.stop()
			}
			if !up {
				sink.Start()
				next := startTo(t, sink.Addr(), time.Second, "--metadata-prefix=", spool)
				eventually(t, "the spool is not sent", func() bool {
					f := next.figures()
					return f["sink.graphite.points.recovered"] > 0 && f["sink.graphite.points.spooled"] == 0
				})
				next.stop()
			}
			lines, _ := deliveries(sink.Connections())
			came := counters(lines)
			atLeast, beyond := 0, 0
			for i, s := range all {
				got := int(came[fmt.Sprint("stats.sender.", i)])
				if got < least[i] || got > s.sent/len(s.line) {
					t.Errorf("sender %d: %d lines of %d were published, at least %d had come", i, got, s.sent/len(s.line), least[i])
				}
				atLeast += least[i]
				beyond += got - least[i]
			}
			soak.Row(t, fmt.Sprintf("SIGTERM at %d lines/s over TCP, sink %s", senders*rate, name),
				fmt.Sprintf("all %d lines received before the signal, and %d later lines; ended after %.1f s", atLeast, beyond, took.Seconds()),
				fmt.Sprintf("0 lost; %v", grace))
		})
	}
}

// counters returns the sum of the values of each path. The flush interval is one second, so a value
// is a count.
func counters(lines []string) map[string]float64 {
	came := map[string]float64{}
	for _, line := range lines {
		fields := strings.Fields(line)
		if v, err := strconv.ParseFloat(fields[1], 64); err == nil {
			came[fields[0]] += v
		}
	}
	return came
}

// The daemon is killed with SIGKILL at random moments, while it writes flushes for a dead sink to
// the spool. After the restart it has all points that it had reported as spooled.
func TestSoakKilled(t *testing.T) {
	sideBySide(t)
	kills := soak.Pick(5, 200)
	sink := sinktest.NewServer(t)
	sink.Stop()
	spool := "--spool-dir=" + t.TempDir()
	const interval = 50 * time.Millisecond
	sent, told, slowest := 0, 0.0, time.Duration(0)
	life := func() *statsd {
		begun := time.Now()
		d := startTo(t, sink.Addr(), interval, "--metadata-prefix=", spool)
		slowest = max(slowest, time.Since(begun))
		if got := d.figures()["sink.graphite.points.recovered"]; got < told {
			t.Errorf("%v points were recovered, the previous daemon had reported %v", got, told)
		}
		return d
	}
	for range kills {
		d := life()
		conn := d.dial("udp")
		end := time.Now().Add(time.Duration(rand.Int64N(int64(soak.Pick(300, 1000)))) * time.Millisecond)
		for time.Now().Before(end) {
			d.send(conn, []byte("hits:1|c"))
			sent++
			time.Sleep(time.Millisecond)
			if sent%10 == 0 {
				told = max(told, d.figures()["sink.graphite.points.spooled"])
			}
		}
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait() // returns an error, because the daemon was killed
	}
	sink.Start()
	d := life()
	eventually(t, "the spool is not sent", func() bool { return d.figures()["sink.graphite.points.spooled"] == 0 })
	d.stop()
	lines, _ := deliveries(sink.Connections())
	lost := float64(sent) - counters(lines)["stats.hits"]*interval.Seconds()
	each := lost / float64(kills) // a kill may lose the samples of one second, about a thousand
	if lost < -0.5 || soak.On() && each > 1000 {
		t.Errorf("%v of %d hits were lost by %d kills", lost, sent, kills)
	}
	inTime(t, "a start", slowest, 2*time.Second)
	soak.Row(t, fmt.Sprintf("kill -9 at %d random moments while spooling", kills),
		fmt.Sprintf("all flushes reported as spooled arrive; a kill costs %.0f ms of samples; slowest start %v", each, slowest.Round(time.Millisecond)),
		"one fsync interval, 1 s; 2 s")
}
