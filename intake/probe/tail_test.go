package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// tail passes a batch of events to the lane of a TailQuery, and returns the collected lines.
func tail(t *testing.T, q TailQuery, events ...Event) Tailed {
	t.Helper()
	looks, err := NewTailLooks(q, metric.NameForm{}, 1, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	feed := newTraffic(looks, time.Hour)
	feed.batch(0, events)
	return TailOf([]Collected{looks[0].Collect()}, metric.NameForm{}, feed.span())
}

func show(l Line) string {
	became := l.Kind.String() + " " + l.Name
	if l.Reason != metric.None {
		became = fmt.Sprintf("%v at %d", l.Reason, l.At)
	}
	return fmt.Sprintf("%s %v %s -> %s", l.Sender, l.Over, l.Text, became)
}

func TestTailShows(t *testing.T) {
	one := []byte("multi:1|c:x|c:3|c")
	events := []Event{
		{Name: []byte("api.ms"), Line: []byte("api.ms:12|ms"), Kind: metric.Timer, Sender: sender(1, 5), Arrived: 300},
		{Name: []byte("orders"), Line: []byte("orders:NaN|g"), Reason: metric.BadValue, At: 7, Sender: sender(2, 5), Arrived: 200},
		{Name: []byte("a b"), Line: []byte("a b:1|c"), Over: Pipe, Arrived: 400},
		{Name: []byte("full"), Line: []byte("full:1|c"), Reason: metric.RefusedName, Over: TCP, Sender: sender(2, 7), Arrived: 400},
		{Name: []byte("multi"), Line: one, Over: TCP, Sender: sender(1, 7), Arrived: 500},
		{Name: []byte("multi"), Line: one, Reason: metric.BadValue, At: 10, Over: TCP, Sender: sender(1, 7), Arrived: 500},
		{Name: []byte("multi"), Line: one, Over: TCP, Sender: sender(1, 7), Arrived: 500},
	}
	bad := "10.0.0.2 udp orders:NaN|g -> bad_value at 7"
	api := "10.0.0.1 udp api.ms:12|ms -> timer api.ms"
	clean := " pipe a b:1|c -> counter a_b"
	full := "10.0.0.2 tcp full:1|c -> refused_name at 0"
	multi := "10.0.0.1 tcp multi:1|c:x|c:3|c -> bad_value at 10"
	for _, tt := range []struct {
		query TailQuery
		want  []string
	}{
		{TailQuery{}, []string{bad, api, clean, full, multi}},
		{TailQuery{Bad: true}, []string{bad, multi}},
		{TailQuery{Match: "a*"}, []string{api, clean}},
		{TailQuery{Match: "a_b"}, []string{clean}},
		{TailQuery{Match: "none"}, nil},
		{TailQuery{Sender: "10.0.0.2"}, []string{bad, full}},
		{TailQuery{Sender: "::ffff:10.0.0.2"}, []string{bad, full}},
		{TailQuery{Sender: "10.0.0.0/31"}, []string{api, multi}},
		{TailQuery{Sender: "10.0.0.2", Bad: true, Match: "o*"}, []string{bad}},
	} {
		got := tail(t, tt.query, events...)
		var lines []string
		for _, l := range got.Lines {
			lines = append(lines, show(l))
		}
		if !slices.Equal(lines, tt.want) || got.Matching != uint64(len(tt.want)) {
			t.Errorf("%+v: %d match:\n%s\nwant\n%s", tt.query, got.Matching, strings.Join(lines, "\n"), strings.Join(tt.want, "\n"))
		}
		if got.Looked.Seen != 7 || got.Looked.Every != 1 {
			t.Errorf("inspected %+v", got.Looked)
		}
	}
	if got := tail(t, TailQuery{Match: "multi"}, events...).Lines[0]; got.Samples != 3 || got.Length != len(one) || !got.Time.Equal(time.Unix(0, 500)) {
		t.Errorf("got %+v", got)
	}
}

// A lane stores at most 256 lines of 512 bytes. Further lines are skipped and counted.
func TestTailBounds(t *testing.T) {
	var events []Event
	for i := range 1000 {
		line := []byte(fmt.Sprintf("n%d:", i) + strings.Repeat("1", 2000))
		events = append(events, Event{Name: line[:4], Line: line, Reason: metric.BadType, Arrived: int64(i) + 1})
	}
	got := tail(t, TailQuery{}, events...)
	if len(got.Lines) != maxHeld || got.Matching != 1000 {
		t.Errorf("%d lines of %d", len(got.Lines), got.Matching)
	}
	for i, l := range got.Lines {
		if len(l.Text) != maxLine || l.Length != len(events[i].Line) || string(l.Text) != string(events[i].Line[:maxLine]) {
			t.Fatalf("line %d is %s", i, l.Text)
		}
	}
}

// The lines that Collect has returned do not change while the lane receives more lines.
func TestTailCollects(t *testing.T) {
	looks, err := NewTailLooks(TailQuery{}, metric.NameForm{}, 1, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	feed := newTraffic(looks, time.Hour)
	give := func(n int) Event {
		return Event{Name: fmt.Appendf(nil, "n%d", n), Line: fmt.Appendf(nil, "n%d:1|c", n), Arrived: int64(n) + 1}
	}
	for round := range 5 {
		feed.batch(0, []Event{give(10 * round), give(10*round + 1)})
		c := looks[0].Collect()
		feed.batch(0, []Event{give(10*round + 2)})
		got := TailOf([]Collected{c}, metric.NameForm{}, feed.span())
		var text []string
		for _, l := range got.Lines {
			text = append(text, l.Name)
		}
		want := []string{fmt.Sprintf("n%d", 10*round), fmt.Sprintf("n%d", 10*round+1)}
		if round > 0 {
			want = append([]string{fmt.Sprintf("n%d", 10*(round-1)+2)}, want...)
		}
		if !slices.Equal(text, want) || got.Matching != uint64(3*round+2) {
			t.Errorf("got %q of %d, want %q", text, got.Matching, want)
		}
	}
}

// A reader gets as many lines per second as its limit allows. A reader that does not read misses
// lines, and does not delay other readers.
func TestTailLimit(t *testing.T) {
	lines := func(n int) Tailed { return Tailed{Lines: make([]Line, n), Matching: uint64(n)} }
	closed := 0
	reader, stalled := NewTail(10, func() { closed++ }), NewTail(10, func() {})
	now, got, all := time.Unix(1000, 0), 0, Tailed{}
	for range 30 { // 30 steps of 100 ms: three seconds
		more := lines(3)
		all = Tailed{Lines: more.Lines, Matching: all.Matching + 3}
		reader.Offer(all, now)
		stalled.Offer(all, now)
		for len(reader.Lines) > 0 {
			<-reader.Lines
			got++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if c := reader.Counts(); got != 30 || c.Shown != 30 || c.Matching != 90 || c.Skipped != 60 {
		t.Errorf("the reader got %d: %+v", got, c)
	}
	if c := stalled.Counts(); c.Shown != 10 || c.Matching != 90 || c.Skipped != 80 {
		t.Errorf("the stalled reader has %+v", c)
	}
	stalled.End()
	stalled.End()
	stalled.Offer(lines(1), now)
	n := 0
	for range stalled.Lines {
		n++
	}
	if n != 10 {
		t.Errorf("%d lines were left for the stalled reader", n)
	}
	reader.Close()
	reader.Close()
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

// The counts of a reader that joins later begin at the time when it joins.
func TestTailJoinedLater(t *testing.T) {
	late := NewTail(10, func() {})
	late.Offer(Tailed{Lines: make([]Line, 2), Matching: 1002}, time.Unix(1000, 0))
	late.Offer(Tailed{Lines: make([]Line, 2), Matching: 1004}, time.Unix(1000, 0))
	if c := late.Counts(); c.Matching != 4 || c.Shown != 4 || c.Skipped != 0 {
		t.Errorf("got %+v", c)
	}
}
