package console

import (
	"context"
	"io"
	"iter"
	"net"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a daemon with fixed metrics.
type fake struct {
	mu    sync.Mutex
	stats []Stat
	names map[metric.Kind][]Name
}

func (f *fake) Stats(context.Context) ([]Stat, error) { return f.stats, nil }

func (f *fake) Names(_ context.Context, kind metric.Kind, pattern string) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) {
		f.mu.Lock()
		names := slices.Clone(f.names[kind])
		f.mu.Unlock()
		for _, n := range names {
			if ok, _ := path.Match(pattern, n.Name); ok && !yield(n, nil) {
				return
			}
		}
	}
}

func (f *fake) Delete(_ context.Context, kind metric.Kind, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.names[kind] = slices.DeleteFunc(f.names[kind], func(n Name) bool {
			ok, _ := path.Match(pattern, n.Name)
			return ok && yield(n.Name, nil)
		})
	}
}

// start runs a console until the test ends, and returns its address.
func start(t testing.TB, cfg Config, daemon Daemon) string {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	c, err := New(cfg, daemon)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c.Addr().String()
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(wait.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends text on a new connection, and returns the whole answer.
func ask(t testing.TB, address, text string) string {
	t.Helper()
	conn := dial(t, address)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
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

// exchange is a command in a recorded session, with its answer.
type exchange struct{ command, answer string }

func transcript(t *testing.T) (session []exchange) {
	t.Helper()
	text, err := os.ReadFile("testdata/etsy-transcript.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split("\n"+strings.TrimSuffix(string(text), "\n"), "\n> b'")[1:] {
		command, answer, _ := strings.Cut(part, "\n")
		command, _, _ = strings.Cut(command, "'")
		command, err := strconv.Unquote(`"` + command + `"`)
		if err != nil {
			t.Fatal(err)
		}
		session = append(session, exchange{command, answer})
	}
	if len(session) < 25 {
		t.Fatalf("only %d commands", len(session))
	}
	return session
}

// etsy returns a daemon with the same metrics as Etsy's statsd in the recorded session.
func etsy() *fake {
	return &fake{names: map[metric.Kind][]Name{
		metric.Counter: {
			{Name: "statsd.bad_lines_seen", Value: 3}, {Name: "statsd.packets_received", Value: 11},
			{Name: "statsd.metrics_received", Value: 18}, {Name: "req", Value: 13}, {Name: "a.x", Value: 1},
			{Name: "a.y", Value: 2}, {Name: "bad2", Value: 1}, {Name: "hist", Value: 4}, {Name: "tag;a=b", Value: 1},
		},
		metric.Timer: {{Name: "lat", Value: 3, Samples: []float64{320, 100, 7.5}}},
		metric.Gauge: {{Name: "temp", Value: 23.5}, {Name: "temp2", Value: -3}},
		metric.Set:   {{Name: "users", Value: 2}},
	}}
}

// TestTranscript sends commands that were recorded with Etsy's statsd. The answers must be the same, except for
// intended improvements.
func TestTranscript(t *testing.T) {
	daemon := etsy()
	var settings []Setting
	address := start(t, Config{Settings: func() []Setting { return settings }}, daemon)
	better := map[string]string{
		"help\n":          help,
		"help\nquit\n":    help,
		"sets\n":          "{ users: 2 }\nEND\n\n",
		"stats\nhealth\n": "STATShealth: up\n",
	}
	for _, e := range transcript(t) {
		want := e.answer
		if text, ok := better[e.command]; ok {
			want = text
		}
		switch command := strings.TrimSpace(e.command); {
		case command == "config":
			settings = lines[Setting](e.answer)
		case command == "stats":
			daemon.stats = nil
			for _, s := range lines[Setting](e.answer) {
				value, err := strconv.ParseFloat(s.Value, 64)
				if err != nil {
					t.Fatal(err)
				}
				daemon.stats = append(daemon.stats, Stat{s.Name, value})
			}
		case e.command == "counters": // in the recording, there was a flush before this command
			for i := range daemon.names[metric.Counter] {
				daemon.names[metric.Counter][i].Value = 0
			}
		}
		if got := ask(t, address, e.command); got != strings.ReplaceAll(want, "STATS", ask(t, address, "stats\n")) {
			t.Errorf("%q\ngot  %q\nwant %q", e.command, got, want)
		}
	}
}

// lines parses lines of the form "name: value".
func lines[T ~struct{ Name, Value string }](text string) (all []T) {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			all = append(all, T{name, value})
		}
	}
	return all
}

// TestSession checks that one connection can send any number of commands, split into any number of packets.
func TestSession(t *testing.T) {
	address := start(t, Config{}, etsy())
	got := ask(t, address, "health\r\n  gauges temp* nothing \ndelgauges temp? nothing\ngauges\ndelsets users\nsets\nquit\nhealth\n")
	want := "health: up\n{ temp: 23.5, temp2: -3 }\nEND\n\ndeleted: temp2\nmetric nothing not found\nEND\n\n" +
		"{ temp: 23.5 }\nEND\n\ndeleted: users\nEND\n\n{}\nEND\n\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	conn := dial(t, address)
	for _, part := range []string{"hea", "lth", "\nhea", "lth"} {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // so that the two parts arrive separately
	}
	// The second command has no newline. It must be answered too.
	answer := make([]byte, len("health: up\nhealth: up\n"))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "health: up\nhealth: up\n" {
		t.Errorf("got %q, %v", answer, err)
	}
}

// TestUnendedDeletion checks that a command that changes something is executed only after its newline, because
// the list of names may be incomplete before that.
func TestUnendedDeletion(t *testing.T) {
	daemon := etsy()
	address := start(t, Config{}, daemon)
	conn := dial(t, address)
	if _, err := io.WriteString(conn, "delcounters req"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(3 * lineTimeout)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("it was taken for the whole command")
	}
	if got := ask(t, address, "counters req\n"); got != "{ req: 13 }\nEND\n\n" {
		t.Errorf("got %q", got)
	}
}

func TestHealth(t *testing.T) {
	var log strings.Builder
	address := start(t, Config{Down: true, Log: zerolog.New(&log)}, etsy())
	for _, e := range []exchange{
		{"health\n", "health: down\n"}, {"health UP\n", "health: up\n"}, {"health up\n", "health: up\n"}, {"health no\n", "health: up\n"},
	} {
		if got := ask(t, address, e.command); got != e.answer {
			t.Errorf("%q: got %q", e.command, got)
		}
	}
	if got := strings.Count(log.String(), "health set to up"); got != 1 {
		t.Errorf("the log says %s", log.String())
	}
}

// TestBrowser checks that HTTP requests from web pages in a browser are not executed as commands.
func TestBrowser(t *testing.T) {
	daemon := etsy()
	address := start(t, Config{}, daemon)
	got := ask(t, address, "POST / HTTP/1.1\r\nHost: localhost:8126\r\n\r\ndelcounters *\r\n")
	if got != "ERROR\n" || len(daemon.names[metric.Counter]) != 9 {
		t.Errorf("got %q, and %d counters are left", got, len(daemon.names[metric.Counter]))
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ address, want string }{
		{":0", "127.0.0.1:"}, {"localhost:0", "127.0.0.1:"}, {"[::1]:0", "[::1]:"},
	} {
		c, err := New(Config{Address: tt.address}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Addr().String(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s is bound as %s", tt.address, got)
		}
		_, err = New(Config{Address: c.Addr().String()}, nil)
		if want := "--admin " + c.Addr().String() + ": listen on tcp " + c.Addr().String() + ": bind: address already in use"; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("an address in use: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(Config{Address: "localhost"}, nil); err == nil || err.Error() != "--admin localhost: must be HOST:PORT, a port, or off" {
		t.Errorf("no port: %v", err)
	}
}
