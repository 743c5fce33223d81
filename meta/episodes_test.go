package meta

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// follow lets some seconds pass. It returns the events of the episodes, each with its second, stage
// and reason.
func (s *scene) follow(e *Episodes, seconds int, acts map[int]func(*scene)) (told []string) {
	for i := 1; i <= seconds; i++ {
		s.step(acts[i])
		for _, ev := range e.Observe(s.now, s.health) {
			word := fmt.Sprintf("%d %s %s %s", int(s.at()/time.Second), [...]string{"begin", "change", "end"}[ev.Stage], ev.Episode.Name(), ev.Episode.State)
			if ev.Before != OK {
				word += " before " + ev.Before.String()
			}
			told = append(told, word)
		}
	}
	return told
}

func wantTold(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestEpisodes follows the daemon's health during a failure with a loss. Each reason and subject has one
// episode. Each episode has only the events begin, change and end.
func TestEpisodes(t *testing.T) {
	s, e := newScene(), NewEpisodes("web1:8125")
	s.facts.Sinks = append(s.facts.Sinks, SinkFacts{Name: "b"})
	told := s.follow(e, 2000, map[int]func(*scene){
		10:  func(s *scene) { s.facts.Sinks[0].fails(s.now) },
		100: func(s *scene) { s.facts.Sinks[1].fails(s.now) },
		200: func(s *scene) { s.facts.Sinks[0].works(s.now); s.facts.Sinks[1].works(s.now) },
		300: func(s *scene) { s.facts.Sinks[1].drops(5) },
	})
	wantTold(t, told,
		"30 begin sink_failing a degraded",
		"120 change sink_failing a failing before degraded",
		"120 begin sink_failing b failing",
		"200 end sink_failing a failing",
		"200 end sink_failing b failing",
		"300 begin points_dropped b failing",
		"320 change points_dropped b degraded before failing",
		"1200 end points_dropped b degraded",
	)
	last := e.Last(10)
	if len(last) != 3 || last[0].Reason != PointsDropped || last[2].Subject != "a" || last[0].Began.IsZero() || last[0].Ended.Sub(last[0].Began) != 15*time.Minute {
		t.Errorf("%+v", last)
	}
	if want := fmt.Sprintf("web1:8125/sink_failing/a/%d", last[2].Began.Unix()); last[2].ID != want {
		t.Errorf("id %s, want %s", last[2].ID, want)
	}
	if got := e.Last(1); len(got) != 1 || got[0].ID != last[0].ID {
		t.Errorf("the last one is %+v", got)
	}
}

// TestEveryReasonHasEpisodes begins and ends an episode of each reason.
func TestEveryReasonHasEpisodes(t *testing.T) {
	at := time.Unix(1795919938, 0)
	e := NewEpisodes("h")
	var h Health
	for _, id := range ReasonIDs() {
		h.Reasons = append(h.Reasons, Reason{ID: id, State: Degraded, Text: "t", Since: at})
	}
	h.Reasons = append(h.Reasons, Reason{ID: SinkFailing, Subject: "note", State: OK, Since: at})
	begun, ended := e.Observe(at, h), e.Observe(at.Add(time.Second), Health{})
	if n := len(ReasonIDs()); len(begun) != n || len(ended) != n {
		t.Errorf("%d begin, %d end", len(begun), len(ended))
	}
	for _, ev := range ended {
		if ev.Episode.Effect() == "" || ev.Episode.Ended != at.Add(time.Second) {
			t.Errorf("%+v", ev.Episode)
		}
	}
}

// reasons returns a health with a failing sink for each name.
func reasons(since time.Time, names ...string) (h Health) {
	for _, name := range names {
		h.Reasons = append(h.Reasons, Reason{ID: SinkFailing, Subject: name, State: Failing, Text: "text of " + name, Next: "next", Since: since})
	}
	return h
}

// TestIDs checks that two episodes that begin in the same second have different IDs. No episode may
// end before its start.
func TestIDs(t *testing.T) {
	at, e := time.Unix(1795919938, 0), NewEpisodes("h")
	for range 3 {
		e.Observe(at, reasons(at, "a"))
		e.Observe(at.Add(-time.Hour), Health{})
	}
	ids := map[string]bool{}
	for _, ep := range e.Last(9) {
		ids[ep.ID] = true
		if ep.Ended.Before(ep.Began) {
			t.Errorf("ended before it began: %+v", ep)
		}
	}
	if len(ids) != 3 {
		t.Errorf("%v", ids)
	}
}

// TestBounds checks that 256 episodes fit into 128 KiB, even if all texts have their maximum
// length. No open episode may be removed.
func TestBounds(t *testing.T) {
	at, e := time.Unix(1795919938, 0), NewEpisodes(strings.Repeat("h", 64)+":8125")
	e.Observe(at, reasons(at, "stays"))
	long := strings.Repeat("\"<", 500)
	for i := range 300 {
		at = at.Add(time.Second)
		h := reasons(at, "stays", fmt.Sprint(i, long))
		h.Reasons[1].Text, h.Reasons[1].Next = long, strings.Repeat("n", 100)
		for _, ev := range e.Observe(at, h) {
			for n := range 5 {
				e.Note(ev.Episode.ID, fmt.Sprint("alertmanager-", n), ev.Stage, Outcome{At: at, Tries: 15, Error: long})
			}
		}
	}
	text, _, err := e.Encode()
	if err != nil || len(text) > maxEpisodeBytes {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if e.open(key{SinkFailing, "stays"}) == nil {
		t.Error("an episode that goes on is forgotten")
	}
	few := NewEpisodes("h")
	for range 1000 {
		at = at.Add(time.Second)
		few.Observe(at, reasons(at, "a"))
		few.Observe(at, Health{})
	}
	if n := len(few.Last(1000)); n != 256 {
		t.Errorf("%d episodes are kept, want 256", n)
	}
}

// TestTooManyGoOn checks that episodes above the limit are not kept, and that each of these
// episodes is counted once.
func TestTooManyGoOn(t *testing.T) {
	at, e := time.Unix(1795919938, 0), NewEpisodes("h")
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprint(i))
	}
	for range 3 {
		e.Observe(at, reasons(at, names...))
	}
	if n := e.Missed(); n != 44 {
		t.Errorf("%d were not tracked, want 44", n)
	}
	if events := e.Observe(at, Health{}); len(events) != 256 {
		t.Errorf("%d end", len(events))
	}
	if events := e.Observe(at, reasons(at, names...)); len(events) != 256 || e.Missed() != 88 {
		t.Errorf("%d begin again, %d missed", len(events), e.Missed())
	}
}

// outcomes returns the results of the messages about the last episode, by notifier.
func outcomes(e *Episodes) string {
	var words []string
	for _, t := range e.Last(1)[0].Told {
		for _, s := range []Stage{Begin, Change, End} {
			if o := t.of(s); o.Due {
				words = append(words, fmt.Sprintf("%s %s %s %d %s", t.Notifier, [...]string{"begin", "change", "end"}[s], o.Word(), o.Tries, o.Error))
			}
		}
	}
	return strings.Join(words, "; ")
}

// TestNote checks that the result of each message is stored. If a message was accepted and a repetition of it fails,
// the stored result must not change.
func TestNote(t *testing.T) {
	at, e := time.Unix(1795919938, 0), NewEpisodes("h")
	id := e.Observe(at, reasons(at, "a"))[0].Episode.ID
	e.Note(id, "webhook", Begin, Outcome{})
	e.Note(id, "webhook", Begin, Outcome{Tries: 2, Error: "down \x1b"})
	e.Note(id, "slack", Begin, Outcome{At: at, Tries: 15, Error: "gone"})
	if got, want := outcomes(e), "webhook begin waiting 2 down ?; slack begin given_up 15 gone"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	e.Note(id, "webhook", Begin, Outcome{At: at, Tries: 3})
	version := e.Version()
	e.Note(id, "webhook", Begin, Outcome{Tries: 9, Error: "a repeat"})
	e.Note("nothing", "webhook", Begin, Outcome{})
	if e.Version() != version {
		t.Error("what changes nothing counts as a change")
	}
	e.Note(id, "slack", Begin, Outcome{At: at, Tries: 1})
	if got, want := outcomes(e), "webhook begin told 3 ; slack begin told 1 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestNoteLook checks the outcomes that NoteLook stores. After a notifier has accepted the result of a health check,
// two kinds of messages count as sent: the start of each open episode, and the end of each ended episode.
func TestNoteLook(t *testing.T) {
	at, e := time.Unix(1795919938, 0), NewEpisodes("h")
	e.NoteLook("nsca", at, nil)
	e.Observe(at, reasons(at, "a"))
	e.NoteLook("nsca", at, errors.New("refused"))
	e.NoteLook("nsca", at, nil)
	e.NoteLook("nsca", at, errors.New("refused"))
	e.Observe(at, Health{})
	e.NoteLook("exec", at, nil)
	e.NoteLook("nsca", at, errors.New("refused"))
	if got, want := outcomes(e), "nsca begin told 2 ; nsca end waiting 1 refused"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	e.NoteLook("nsca", at, nil)
	if got, want := outcomes(e), "nsca begin told 2 ; nsca end told 2 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// restart encodes the episodes, and returns them as a later daemon loads them.
func restart(t *testing.T, e *Episodes, settled time.Time) *Episodes {
	t.Helper()
	text, _, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	after := NewEpisodes("h")
	if err := after.Load(text, settled, settled); err != nil {
		t.Fatal(err)
	}
	return after
}

// Times in the future come from a clock that was wrong. They become the time of the load.
func TestLoadOfOtherTime(t *testing.T) {
	e, now := NewEpisodes("h"), time.Unix(1795919938, 0)
	text := `{"version":1,"episodes":[
		{"id":"a","reason":"sink_failing","state":"failing","began":"2036-11-29T02:38:58Z"},
		{"id":"b","reason":"sink_failing","state":"failing","began":"2026-01-01T00:00:00Z","ended":"2036-11-29T02:38:58Z",
			"told":[{"notifier":"n","begin":{"due":true,"at":"2036-11-29T02:38:58Z"}}]}]}`
	if err := e.Load([]byte(text), now, now); err != nil {
		t.Fatal(err)
	}
	for _, ep := range e.Last(10) {
		if ep.Began.After(now) || ep.Ended.After(now) || len(ep.Told) > 0 && !ep.Told[0].Begin.At.Equal(now) {
			t.Errorf("got %+v", ep)
		}
	}
}

func events(all []Event) string {
	var words []string
	for _, ev := range all {
		words = append(words, [...]string{"begin ", "change ", "end "}[ev.Stage]+ev.Episode.Subject)
	}
	return strings.Join(words, ", ")
}

// TestRestart checks the events after a restart. There is an event for each open episode as soon as
// it is known whether the episode continues. There is an event for an ended episode if its last
// message was not sent before the restart.
func TestRestart(t *testing.T) {
	at, e := time.Unix(1795919938, 0), NewEpisodes("h")
	for _, ev := range e.Observe(at, reasons(at, "known", "untold", "over", "ended")) {
		e.Note(ev.Episode.ID, "webhook", Begin, Outcome{})
		if ev.Episode.Subject != "untold" {
			e.Note(ev.Episode.ID, "webhook", Begin, Outcome{At: at, Tries: 1})
		}
	}
	for _, ev := range e.Observe(at, reasons(at, "known", "untold", "over")) {
		e.Note(ev.Episode.ID, "webhook", End, Outcome{})
	}
	before := e.Last(9)

	at = at.Add(time.Hour)
	e = restart(t, e, at.Add(time.Minute))
	if got := e.Last(9); fmt.Sprint(got[0].Told) != fmt.Sprint(before[0].Told) || got[1].ID != before[1].ID || !got[3].Began.Equal(before[3].Began) {
		t.Errorf("loaded %+v, saved %+v", got, before)
	}
	pending, known := e.Pending("webhook")
	if got := events(pending); got != "end ended" {
		t.Errorf("pending: %s", got)
	}
	if got := events(known); got != "begin known, begin untold, begin over" {
		t.Errorf("known: %s", got)
	}
	if pending, _ := e.Pending("new"); len(pending) != 0 {
		t.Errorf("a new notifier gets the messages %s", events(pending))
	}
	if got := events(e.Observe(at, Health{})); got != "" {
		t.Errorf("at the start: %s", got)
	}
	at = at.Add(30 * time.Second)
	all := e.Observe(at, reasons(at, "known", "untold"))
	if got := events(all); got != "change known, change untold" {
		t.Errorf("what goes on: %s", got)
	}
	if all[0].StageFor("webhook") != Change || all[1].StageFor("webhook") != Begin || all[0].StageFor("new") != Begin {
		t.Error("a notifier that missed the beginning gets no message about it")
	}
	at = at.Add(31 * time.Second)
	if got := events(e.Observe(at, reasons(at, "known", "untold"))); got != "end over" {
		t.Errorf("after a minute: %s", got)
	}
	if pending, _ := e.Pending("new"); events(pending) != "begin known, begin untold" {
		t.Errorf("a new notifier gets the messages %s", events(pending))
	}
}

// TestLoadDamaged checks that no episodes are added from a damaged file.
func TestLoadDamaged(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"version":2}`, `{"version":1,"episodes":[{}]}`,
		`{"version":1,"episodes":[{"id":"a","reason":"sink_failing","state":"odd","began":"2026-11-29T02:38:58Z"}]}`,
		`{"version":1,"episodes":[{"id":"a","reason":"no_such","state":"failing","began":"2026-11-29T02:38:58Z"}]}`,
		`{"version":1,"episodes":[{"id":"a","reason":"sink_failing","state":"failing","began":"soon"}]}`,
	} {
		if err := NewEpisodes("h").Load([]byte(text), time.Now(), time.Now()); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	e := NewEpisodes("h")
	if err := e.Load([]byte(`{"version":1,"episodes":[{"id":"a\u001b","reason":"sink_failing","subject":"\u00e9","text":"<\n","state":"failing","began":"2026-11-29T02:38:58Z"}]}`), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if ep := e.Last(1)[0]; ep.ID != "a?" || ep.Subject != "?" || ep.Text != "<?" {
		t.Errorf("%+v", ep)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"version":1,"episodes":[{"id":"a","reason":"sink_failing","state":"failing","began":"2026-11-29T02:38:58Z","told":[{"notifier":"n"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e := NewEpisodes("h")
		if e.Load(text, time.Unix(0, 0), time.Unix(0, 0)) != nil {
			return
		}
		e.Observe(time.Unix(1795919938, 0), reasons(time.Unix(1795919938, 0), "a"))
		again, _, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := NewEpisodes("h").Load(again, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			t.Errorf("%s was loaded, but not %s: %v", text, again, err)
		}
	})
}
