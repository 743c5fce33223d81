package meta

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// run advances the clock by a number of seconds. In second i, counted from 1, it calls the function acts[i], if there
// is one.
func (s *scene) run(seconds int, acts map[int]func(*scene)) {
	for i := 1; i <= seconds; i++ {
		s.step(acts[i])
	}
}

func (s *scene) wantNotes(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.notes, want) {
		t.Errorf("the log has\n  %s\nwant\n  %s", strings.Join(s.notes, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestNotesOfSink checks the log about a sink that fails while its queue overflows. The recovery,
// with the number of dropped points, is logged by package delivery.
func TestNotesOfSink(t *testing.T) {
	s := newScene()
	s.run(1000, map[int]func(*scene){
		10: func(s *scene) { s.facts.Sinks[0].fails(s.now) },
		12: func(s *scene) { s.facts.Sinks[0].drops(94_000) },
		14: func(s *scene) { s.facts.Sinks[0].drops(200) },
		26: func(s *scene) {
			s.facts.Sinks[0].drops(92)
			s.facts.Sinks[0].works(s.now.Add(-400 * time.Millisecond))
		},
	})
	s.wantNotes(t,
		"12s failing: sink a dropped 94,000 points (the queue is full): dropped points are missing at this sink",
		"15m26s ok: health is ok again after 15m14s",
	)
}

// TestNotesOfJoin checks the log of a daemon that waits for its cluster after the start.
func TestNotesOfJoin(t *testing.T) {
	s := newScene()
	s.facts.ClusterUnknown = "refused"
	s.run(30, map[int]func(*scene){
		20: func(s *scene) { s.facts.ClusterUnknown = "" },
	})
	if n := len(s.notes); n == 0 || s.notes[n-1] != "20s ok: joined the cluster, and health is ok, after 19s" {
		t.Errorf("the log has %q", s.notes)
	}
}

// TestNotesOfLoss checks that a loss is logged at once, then at most once a minute, and when it
// ends.
func TestNotesOfLoss(t *testing.T) {
	s := newScene()
	acts := map[int]func(*scene){}
	for i := 10; i <= 150; i += 10 {
		acts[i] = func(s *scene) { s.facts.Intake.KernelDropped++ }
	}
	s.run(400, acts)
	s.wantNotes(t,
		"10s degraded: the kernel dropped 1 datagram: counters and timers are too low by the dropped datagrams; raise --udp-buffer or --receivers",
		"1m10s degraded: in the last 1m the kernel dropped 6 datagrams; 7 since this began 1m ago",
		"2m10s degraded: in the last 1m the kernel dropped 6 datagrams; 13 since this began 2m ago",
		"3m10s degraded: in the last 1m the kernel dropped 2 datagrams; 15 since this began 3m ago",
		"3m30s degraded: this loss has stopped after 2m20s: the kernel dropped 15 datagrams",
	)
}

// TestNotesOfRefusals checks that a refused sender causes few log lines, even if it sends all the time. These refusals
// are too few to make a health reason active.
func TestNotesOfRefusals(t *testing.T) {
	s := newScene()
	s.facts.Listeners = []ListenerFacts{{Name: "udp-hmac"}}
	acts := map[int]func(*scene){}
	for i := 10; i < 80; i++ {
		acts[i] = func(s *scene) {
			l := &s.facts.Listeners[0]
			l.Came, l.Refused = l.Came+1000, l.Refused+1
			l.Why = fmt.Sprint("bad_auth ", l.Refused)
		}
	}
	s.run(300, acts)
	s.wantNotes(t,
		"10s degraded: listener udp-hmac refused 1 datagram or connection (since the start: bad_auth 1): the samples of these senders are not counted",
		"1m10s degraded: in the last 1m listener udp-hmac refused 60 datagrams and connections (since the start: bad_auth 61); 61 since this began 1m ago",
		"2m10s degraded: in the last 1m listener udp-hmac refused 9 datagrams and connections (since the start: bad_auth 70); 70 since this began 2m ago",
		"2m19s degraded: this loss has stopped after 1m9s: listener udp-hmac refused 70 datagrams and connections (since the start: bad_auth 70)",
	)
}

// TestNotesOfHeavyLoss checks that the log shows a loss with the same severity as the daemon's health.
func TestNotesOfHeavyLoss(t *testing.T) {
	s := newScene()
	s.run(20, map[int]func(*scene){10: func(s *scene) { s.facts.Intake.KernelDropped += 5000 }})
	s.wantNotes(t, "10s failing: the kernel dropped 5,000 datagrams: counters and timers are too low by the dropped datagrams; raise --udp-buffer or --receivers")
}

// TestNotesOfReason checks the log about a reason that is not a loss. If the reason begins and ends again and again, it
// is logged once a minute.
func TestNotesOfReason(t *testing.T) {
	s := newScene()
	acts := map[int]func(*scene){}
	for i := 10; i < 130; i += 2 {
		acts[i] = func(s *scene) { s.facts.Sinks[0].Oldest = s.now.Add(-time.Minute) }
		acts[i+1] = func(s *scene) { s.facts.Sinks[0].Oldest = time.Time{} }
	}
	s.run(300, acts)
	fault := "sink a is 1m behind; 0 points wait"
	s.notes = slices.DeleteFunc(s.notes, func(n string) bool { return !strings.Contains(n, fault) })
	s.wantNotes(t, "10s degraded: "+fault, "11s degraded: cleared after 1s: "+fault, "1m10s degraded: "+fault, "1m11s degraded: cleared after 1s: "+fault)
}

// TestForgottenSinks checks that the Tracker keeps nothing about removed sinks.
func TestForgottenSinks(t *testing.T) {
	s := newScene()
	for i := range 5000 {
		s.facts.Sinks = []SinkFacts{{Name: "a"}, {Name: fmt.Sprint("s", i)}}
		s.facts.Sinks[1].fails(s.now)
		s.facts.Sinks[1].drops(1)
		s.step(nil)
	}
	s.facts.Sinks = s.facts.Sinks[:1]
	s.run(100, nil)
	if s.health.State != OK || len(s.tracker.sinks) != 1 || len(s.tracker.losses)+len(s.tracker.told)+len(s.tracker.ledger) != 0 {
		t.Errorf("%v; kept %d sinks, %d losses, %d told, %d sums", s.health, len(s.tracker.sinks), len(s.tracker.losses), len(s.tracker.told), len(s.tracker.ledger))
	}
}

// TestSilent checks that the reason silent is active after 5 minutes without a line, but only
// if lines arrived for at least an hour before.
func TestSilent(t *testing.T) {
	for _, tt := range []struct {
		busy time.Duration // time during which lines arrived
		want bool
	}{{61 * time.Minute, true}, {59 * time.Minute, false}} {
		tracker, now := NewTracker(time.Time{}.Add(time.Hour), nil, false), time.Time{}.Add(time.Hour)
		f := Facts{Interval: 10 * time.Second, Sinks: []SinkFacts{{Name: "a"}}}
		look := func(d time.Duration, lines uint64) (h Health) {
			for end := now.Add(d); now.Before(end); {
				now = now.Add(10 * time.Second)
				f.Flush.Count, f.Flush.Last, f.Intake.Lines = f.Flush.Count+1, now, f.Intake.Lines+lines
				h, _ = tracker.Observe(now, &f)
			}
			return h
		}
		look(tt.busy, 1)
		if h := look(290*time.Second, 0); h.Has(Silent) {
			t.Errorf("busy for %v: silent within 5 minutes", tt.busy)
		}
		h := look(10*time.Second, 0)
		if h.Has(Silent) != tt.want {
			t.Errorf("busy for %v, then silent for 5 minutes: %v", tt.busy, h)
		}
		if tt.want && !strings.HasPrefix(h.Text(), "no line was received for 5m; before that, lines were received for 1h1m") {
			t.Errorf("says %q", h.Text())
		}
		if h := look(10*time.Second, 1); h.Has(Silent) {
			t.Errorf("still silent after a line: %v", h)
		}
	}
}

// TestHealthTogether checks a health with several reasons: their order, which is worst first, their
// figures, and their text in one line.
func TestHealthTogether(t *testing.T) {
	s := newScene()
	s.facts.Sinks = append(s.facts.Sinks, SinkFacts{Name: "b"})
	s.run(100, map[int]func(*scene){
		10: func(s *scene) { s.facts.Intake.KernelDropped++ },
		20: func(s *scene) {
			s.facts.Sinks[0].fails(s.now)
			s.facts.Sinks[1].fails(s.now)
		},
	})
	var ids []string
	for _, r := range s.health.Reasons {
		ids = append(ids, r.ID+" "+r.Subject)
	}
	if want := []string{"sink_failing a", "sink_failing b", "kernel_drops "}; !slices.Equal(ids, want) {
		t.Errorf("reasons %q, want %q", ids, want)
	}
	if s.health.State != Failing || !s.health.Since.Equal(s.began.Add(40*time.Second)) {
		t.Errorf("%s since %v", s.health.State, s.health.Since)
	}
	if text := s.health.Text(); strings.Count(text, "; ") < 2 || !strings.Contains(text, "sink b has accepted nothing for 1m20s") {
		t.Errorf("text %q", text)
	}
	values := map[string]float64{}
	for _, f := range s.health.Figures() {
		values[f.Name] = f.Value
	}
	if values["health"] != 2 || values["health.sink_failing"] != 2 || values["health.kernel_drops"] != 1 || values["health.ledger"] != 0 || len(values) != 1+len(ReasonIDs()) {
		t.Errorf("figures %v", values)
	}
}

// TestNextCommand checks that the suggested command contains the monitor's address.
func TestNextCommand(t *testing.T) {
	for _, tt := range []struct {
		addr   net.Addr
		secure bool
		want   string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8135}, false, "statsdmonitor config"},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8135}, true, "statsdmonitor --at https://localhost:8135 config"},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 8135}, false, "statsdmonitor --at 127.0.0.2:8135 config"},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 8135}, false, "statsdmonitor --at [::1]:8135 config"},
		{&net.TCPAddr{IP: net.IPv6zero, Port: 9000}, false, "statsdmonitor --at localhost:9000 config"},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8135}, true, "statsdmonitor --at https://192.0.2.7:8135 config"},
		{nil, false, "see the log (--monitor-port is off)"},
	} {
		h, _ := NewTracker(time.Now(), tt.addr, tt.secure).Observe(time.Now(), &Facts{Interval: time.Second, Flush: FlushFacts{Last: time.Now()}})
		if got := h.Reasons[0].Next; got != tt.want {
			t.Errorf("%v: %q, want %q", tt.addr, got, tt.want)
		}
	}
}

// TestErrorsArePlain checks that special characters in errors are escaped before they are shown on
// a terminal or in the log.
func TestErrorsArePlain(t *testing.T) {
	s := newScene()
	s.run(40, map[int]func(*scene){10: func(s *scene) {
		evil := errors.New("\x1b[31m\n\xff" + strings.Repeat("x", 5000)).Error()
		s.facts.Sinks[0].fails(s.now)
		s.facts.Sinks[0].Error, s.facts.Sinks[0].SpoolFault = evil, evil
		s.facts.PipesFault, s.facts.StateFault, s.facts.Untold = evil, evil, []Fault{{"n", evil}}
	}})
	if len(s.health.Reasons) != 5 {
		t.Fatalf("%d reasons", len(s.health.Reasons))
	}
	for _, r := range s.health.Reasons {
		if len(r.Text) > 2*QuoteLimit || strings.ContainsFunc(r.Text, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%q", r.Text)
		}
	}
}
