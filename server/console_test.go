package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// withConsole returns a configuration with a console.
func withConsole(receivers int) Config {
	cfg := config()
	cfg.Admin, cfg.Receivers = "127.0.0.1:0", receivers
	return cfg
}

// ask sends commands to a console and returns its answers.
func ask(t testing.TB, address string, commands ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		send(t, conn, c+"\n")
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (d *daemon) ask(commands ...string) string {
	d.t.Helper()
	return ask(d.t, d.AdminAddr().String(), commands...)
}

// For the same lines and commands, Etsy's statsd and this daemon give the same answers and delete
// the same names.
func TestConsoleLikeEtsy(t *testing.T) {
	t.Parallel()
	etsy := counterpart.StartEtsy(t, map[string]any{"flushInterval": 3_600_000})
	cfg := withConsole(1)
	cfg.Sinks = []delivery.Destination{{Name: "graphite", Sink: sinktest.NewRecorder()}}
	d := start(t, cfg)
	lines := []string{
		"hits:1|c\nhits:2|c|@0.1", "a.x:1|c", "a.y:-3|c", "a.b.z:0.1|c\na.b.z:0.2|c", "with-dash:1e3|c", "bad line", "hits:x|c",
		"lat:320|ms\nlat:100|ms", "lat:7.5|ms|@0.5", "few:1|ms\nfew:2.25|ms", "temp:23.5|g", "temp2:-3|g", "temp3:10|g\ntemp3:-12.5|g", "temp4:+4|g",
		"tiny:0.0000001|c", "huge:1e22|g", "a/b c:1|c",
	}
	for i := range 250 {
		lines = append(lines, fmt.Sprintf("many:%v|ms\nnine:%d|ms", float64(i*i)/4, i%9))
	}
	for _, address := range []string{etsy.Addr, d.Addr().String()} {
		conn, err := net.Dial("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for some := range slices.Chunk(lines, 10) { // with more datagrams at once, Node.js would lose some of them
			send(t, conn, strings.Join(some, "\n"))
		}
	}
	received := fmt.Sprintf("'statsd.metrics_received': %d,", strings.Count(strings.Join(lines, "\n"), "\n")+1)
	for _, console := range []string{etsy.Console, d.AdminAddr().String()} {
		eventually(t, "the sent lines are not read", func() bool {
			return strings.Contains(ask(t, console, "counters"), received)
		})
	}
	for _, command := range []string{
		"counters", "timers", "gauges", "health", "nonsense", "", "delcounters a.* nothing", "counters", "delcounters hits a/b", "deltimers many lat", "timers",
		"delgauges temp", "gauges", "delgauges huge temp2 temp3 temp4", "gauges", "health down", "health", "health maybe", "delcounters", "quit",
	} {
		want, got := ask(t, etsy.Console, command), ask(t, d.AdminAddr().String(), command)
		if want != got {
			t.Errorf("%s\nEtsy's says\n%s\nthis one\n%s", command, want, got)
		}
	}
	names := func(console, command string) (names []string) {
		for line := range strings.Lines(ask(t, console, command)) {
			name, _, _ := strings.Cut(line, ": ")
			names = append(names, name)
		}
		return names
	}
	want, got := names(etsy.Console, "stats"), names(d.AdminAddr().String(), "stats")
	got = slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, "recorder.") })
	if !slices.Equal(got, want) {
		t.Errorf("stats shows %q, Etsy's statsd %q", got, want)
	}
}

// The console's stats show the uptime, the number of bad lines, and the times since the last line, the last flush and
// the last failed attempt to send.
func TestConsoleStats(t *testing.T) {
	cfg, r := every10s()
	cfg.Admin = "127.0.0.1:0"
	cfg.AlertInterval = time.Hour
	inVirtualTime(t, cfg, func(v *virtual) {
		defer func() {
			if err := v.console.Close(); err != nil {
				t.Error(err)
			}
		}()
		expect := func(want ...float64) {
			v.t.Helper()
			stats, err := administered{v.Server}.Stats(v.t.Context())
			if err != nil {
				v.t.Fatal(err)
			}
			names := []string{"uptime", "messages.last_msg_seen", "messages.bad_lines_seen", "recorder.last_flush", "recorder.last_exception"}
			for _, s := range stats {
				if i := slices.Index(names, s.Name); i >= 0 && s.Value != want[i] {
					v.t.Errorf("after %v s: %s is %v, want %v", want[0], s.Name, s.Value, want[i])
				}
			}
		}
		never := func() float64 { return float64(time.Now().Unix()) }
		v.wait(4400 * time.Millisecond)
		expect(4, 4, 0, 4, never())
		v.receive("hits:1|c\nbad")
		v.wait(time.Second) // the flush loop notes new lines once a second
		expect(5, 0, 1, 5, never())
		v.wait(8 * time.Second)
		expect(13, 8, 1, 3, never())
		r.Fail(errors.New("down"))
		v.wait(7 * time.Second) // the daemon has just tried to send again
		expect(20, 15, 1, 10, 0)
		r.Recover()
	})
}

// Deleted names are not published. If they are sent again, they start without a value. Other names
// are not affected.
func TestConsoleDeletes(t *testing.T) {
	t.Parallel()
	for _, receivers := range []int{1, 8} {
		t.Run(fmt.Sprint(receivers), func(t *testing.T) {
			t.Parallel()
			d := start(t, withConsole(receivers))
			var conns []net.Conn
			for range 4 * receivers { // so many connections that each receiver gets datagrams
				conns = append(conns, d.dial("udp"))
			}
			for _, conn := range conns {
				d.deliver(conn, "web.a:1|c\nweb.b:1|c\nweb:1|c\napi.a:1|c\nweb.g:+5|g\napi.g:+5|g\nweb.t:1|ms\napi.t:1|ms\nweb.s:x|s\napi.s:x|s")
			}
			n := float64(len(conns))
			got := d.ask("delcounters web.*", "delgauges ?eb.g nothing", "deltimers *.t", "delsets [a-w]*")
			for _, answer := range []string{"deleted: web.a\n", "deleted: web.b\n", "deleted: web.g\nmetric nothing not found\nEND\n\n",
				"deleted: web.t\n", "deleted: api.t\n", "deleted: web.s\n", "deleted: api.s\n"} {
				if strings.Count(got, answer) != 1 {
					t.Errorf("no %q in %q", answer, got)
				}
			}
			if want := len("deleted: web.a\n")*7 + len("metric nothing not found\n") + 4*len("END\n\n"); len(got) != want {
				t.Errorf("got %q", got)
			}
			if got, want := d.ask("gauges", "sets", "timers"), fmt.Sprintf("{ 'api.g': %v }\nEND\n\n{}\nEND\n\n{}\nEND\n\n", 5*n); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			d.deliver(conns[0], "web.g:+1|g\nweb.b:1|c")
			d.stop()
			want := map[string]float64{"counters.web": n, "counters.api.a": n, "gauges.api.g": 5 * n, "gauges.web.g": 1, "counters.web.b": 1}
			got2 := d.totals()
			for path, value := range want {
				if got2[path] != value {
					t.Errorf("%s is %v, want %v", path, got2[path], value)
				}
				delete(got2, path)
			}
			if len(got2) > 0 {
				t.Errorf("published too: %v", got2)
			}
		})
	}
}

// Clients that list and delete names delay neither receiving nor flushing, even if they do not read
// the answers.
func TestConsoleWhileReceiving(t *testing.T) {
	t.Parallel()
	const names, rounds = 10_000, 5
	cfg := withConsole(2)
	cfg.QueueBytes = 1 << 40                                             // nothing is dropped, even if the recorder is slow
	cfg.FlushInterval, cfg.GaugeExpire = 500*time.Millisecond, time.Hour // the interval is longer than a flush takes, even on a busy machine
	d := start(t, cfg)
	unread, err := net.Dial("tcp", d.AdminAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	conn := d.dial("tcp")
	done := make(chan struct{})
	var asking sync.WaitGroup
	for _, command := range []string{"counters", "gauges gone*", "delgauges gone*", "delcounters gone*", "stats"} {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if got := d.ask(command); !strings.HasSuffix(got, "END\n\n") {
						t.Errorf("%s: %.100q", command, got)
						return
					}
				}
			}
		})
	}
	for range rounds {
		var text strings.Builder
		for i := range names {
			fmt.Fprintf(&text, "kept%d:1|c\ngone%d:1|c\ngone%d:+1|g\n", i, i, i)
		}
		send(t, conn, text.String())
		send(t, unread, "counters\n")
	}
	kept := func() (n float64) {
		for path, value := range d.totals() {
			if strings.HasPrefix(path, "counters.kept") {
				n += value
			}
		}
		return n
	}
	eventually(t, "the sent lines are not published", func() bool { return kept() > names*rounds-0.5 })
	close(done)
	asking.Wait()
	d.ask("delgauges gone*")
	if got := d.ask("gauges"); got != "{}\nEND\n\n" {
		t.Errorf("deleted gauges still exist: %.100q", got)
	}
	if n := kept(); n > names*rounds+0.5 {
		t.Errorf("%v samples were published", n)
	}
}

// At shutdown a console closes its connections.
func TestConsoleEnds(t *testing.T) {
	t.Parallel()
	cfg := withConsole(1)
	cfg.Admin = counterpart.FreeAddress(t).String()
	d := start(t, cfg)
	conn, err := net.Dial("tcp", d.AdminAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d.stop()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection stays")
	}
	if _, err := net.Dial("tcp", d.AdminAddr().String()); err == nil {
		t.Error("the address stays")
	}
}
