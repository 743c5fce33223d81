package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/notify"
)

// fake is a receiver that records the time and the messages of each attempt. The time is in seconds.
type fake struct {
	manner notify.Manner
	answer func(second int, m notify.Message) error

	mu    sync.Mutex
	begun time.Time
	heard []string
}

func (f *fake) Manner() notify.Manner { return f.manner }

func (f *fake) Tell(ctx context.Context, messages []notify.Message) error {
	second := int(time.Since(f.begun) / time.Second)
	var words []string
	for _, m := range messages {
		word := fmt.Sprintf("%s.%s.%s", m.ID, m.Stage, m.State[:1])
		if m.Before != "" {
			word += "<" + m.Before[:1]
		}
		words = append(words, word)
	}
	f.mu.Lock()
	f.heard = append(f.heard, fmt.Sprintf("%d:%s", second, strings.Join(words, "+")))
	f.mu.Unlock()
	if f.answer == nil {
		return nil
	}
	err := f.answer(second, messages[0])
	if errors.Is(err, errHang) {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

var (
	errDown = errors.New("down")
	errHang = errors.New("hang")
)

// bench is a relay that runs in virtual time, its receiver, and the results that the relay has reported.
type bench struct {
	*Relay
	*fake
	mu      sync.Mutex
	results []Result
}

// inBubble runs test in a synctest bubble, with a relay that delivers to the receiver f.
func inBubble(t *testing.T, f *fake, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.begun = time.Now()
		b := &bench{fake: f}
		b.Relay = New(f, func(results []Result) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.results = append(b.results, results...)
		})
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { b.Run(ctx) })
		test(b)
		synctest.Wait()
		end()
		running.Wait()
	})
}

// add adds a message. The text contains its ID, its stage and its state, for example "a.begin.degraded". The previous
// state may follow, as in "a.change.failing<degraded".
func (b *bench) add(text string) { b.Add(message(text), time.Now()) }

func message(text string) notify.Message {
	text, before, _ := strings.Cut(text, "<")
	words := strings.Split(text, ".")
	return notify.Message{ID: words[0], Stage: notify.Stage(words[1]), State: words[2], Before: before, Reason: words[0]}
}

func (b *bench) wait(seconds int) {
	time.Sleep(time.Duration(seconds) * time.Second)
	synctest.Wait()
}

// outcome lists the messages that were accepted or dropped, with the number of attempts.
func (b *bench) outcome() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var words []string
	for _, r := range b.results {
		switch {
		case r.Repeat:
		case r.Err == nil:
			words = append(words, fmt.Sprintf("%s.%s taken %d", r.Message.ID, r.Message.Stage, r.Tries))
		case r.GivenUp:
			words = append(words, fmt.Sprintf("%s.%s lost %d", r.Message.ID, r.Message.Stage, r.Tries))
		}
	}
	return strings.Join(words, ", ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

func (f *fake) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.heard, " ")
}

// TestOrder checks that messages are delivered once and in order.
func TestOrder(t *testing.T) {
	inBubble(t, &fake{}, func(b *bench) {
		b.add("a.begin.degraded")
		b.wait(1)
		b.add("a.change.failing<degraded")
		b.add("b.begin.failing")
		b.wait(1)
		b.add("a.end.failing")
		b.wait(10_000)
		want(t, "told", b.said(), "0:a.begin.d 1:a.change.f<d 1:b.begin.f 2:a.end.f")
		want(t, "outcome", b.outcome(), "a.begin taken 1, a.change taken 1, b.begin taken 1, a.end taken 1")
		if n := b.Waiting(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// TestBackoff checks that the relay retries after 1, 2, 4 ... 60 s, and drops the message before 10 minutes are
// over.
func TestBackoff(t *testing.T) {
	inBubble(t, &fake{answer: func(int, notify.Message) error { return errDown }}, func(b *bench) {
		b.add("a.begin.failing")
		b.wait(5000)
		var seconds []string
		for at := range strings.SplitSeq(b.said(), " ") {
			second, _, _ := strings.Cut(at, ":")
			seconds = append(seconds, second)
		}
		want(t, "tries", strings.Join(seconds, " "), "0 1 3 7 15 31 63 123 183 243 303 363 423 483 543")
		want(t, "outcome", b.outcome(), "a.begin lost 15")
	})
}

// TestHang checks that an attempt is canceled after 10 s.
func TestHang(t *testing.T) {
	inBubble(t, &fake{answer: func(second int, _ notify.Message) error {
		if second < 5 {
			return errHang
		}
		return nil
	}}, func(b *bench) {
		b.add("a.begin.failing")
		b.wait(100)
		want(t, "told", b.said(), "0:a.begin.f 11:a.begin.f")
		want(t, "outcome", b.outcome(), "a.begin taken 2")
	})
}

// TestRefusals checks that the relay drops a message immediately if the refusal is permanent. After any other refusal,
// it must wait for the time that the receiver requests, but at most ten minutes.
func TestRefusals(t *testing.T) {
	inBubble(t, &fake{answer: func(_ int, m notify.Message) error {
		if m.ID == "a" {
			return &notify.Refusal{Err: errDown, Final: true}
		}
		return nil
	}}, func(b *bench) {
		b.add("a.begin.failing")
		b.add("b.begin.failing")
		b.wait(100)
		want(t, "told", b.said(), "0:a.begin.f 1:b.begin.f")
		want(t, "outcome", b.outcome(), "a.begin lost 1, b.begin taken 1")
	})
	asks := time.Duration(0)
	busy := func(second int, _ notify.Message) error {
		if second == 0 {
			return &notify.Refusal{Err: errDown, After: asks}
		}
		return nil
	}
	for after, want := range map[time.Duration]string{
		0:               "0:a.begin.f 1:a.begin.f",
		7 * time.Second: "0:a.begin.f 7:a.begin.f",
		9 * time.Minute: "0:a.begin.f 540:a.begin.f",
		time.Hour * 999: "0:a.begin.f 600:a.begin.f",
	} {
		asks = after
		inBubble(t, &fake{answer: busy}, func(b *bench) {
			b.add("a.begin.failing")
			b.wait(2000)
			if got := b.said(); got != want {
				t.Errorf("Retry-After %v: %s, want %s", after, got, want)
			}
		})
	}
}

// TestMelt checks that messages about the same problem are combined into one message with the latest state, if the
// receiver has accepted none of them.
func TestMelt(t *testing.T) {
	for name, tt := range map[string]struct{ add, said, outcome string }{
		"begin and end": {"a.begin.degraded a.end.degraded", "0:a.begin.d 1:a.end.d 3:a.end.d 7:a.end.d", "a.end taken 3"},
		"all":           {"a.begin.degraded a.change.failing<degraded a.end.failing", "0:a.begin.d 1:a.end.f 3:a.end.f 7:a.end.f", "a.end taken 3"},
		"begin, change": {"a.begin.degraded a.change.failing<degraded", "0:a.begin.d 1:a.begin.f 3:a.begin.f 7:a.begin.f", "a.begin taken 4"},
		"changes":       {"a.change.failing<degraded a.change.degraded<failing a.change.failing<degraded", "0:a.change.f<d 1:a.change.f<d 3:a.change.f<d 7:a.change.f<d", "a.change taken 4"},
		"change, end":   {"a.change.failing<degraded a.end.failing", "0:a.change.f<d 1:a.end.f<d 3:a.end.f<d 7:a.end.f<d", "a.end taken 3"},
	} {
		inBubble(t, &fake{answer: func(second int, _ notify.Message) error {
			if second < 5 {
				return errDown
			}
			return nil
		}}, func(b *bench) {
			first, others, _ := strings.Cut(tt.add, " ")
			b.add(first)
			synctest.Wait()
			for other := range strings.SplitSeq(others, " ") {
				b.add(other)
			}
			b.wait(100)
			want(t, name, b.said(), tt.said)
			want(t, name, b.outcome(), tt.outcome)
		})
	}
}

// TestMeltInFlight adds the message about the end of a problem while the message about its beginning is
// being sent. The next message depends on the result of this attempt.
func TestMeltInFlight(t *testing.T) {
	for _, tt := range []struct {
		fault         error
		said, outcome string
	}{
		{nil, "0:a.begin.d 2:a.end.f<d", "a.begin taken 1, a.end taken 1"},
		{errDown, "0:a.begin.d 3:a.end.f", "a.end taken 1"},
	} {
		f := &fake{}
		f.answer = func(second int, _ notify.Message) error {
			if second > 0 {
				return nil
			}
			time.Sleep(2 * time.Second)
			return tt.fault
		}
		inBubble(t, f, func(b *bench) {
			b.add("a.begin.degraded")
			b.wait(1)
			b.add("a.change.failing<degraded")
			b.add("a.end.failing")
			b.wait(100)
			want(t, "told", b.said(), tt.said)
			want(t, "outcome", b.outcome(), tt.outcome)
		})
	}
}

// TestBound checks that the relay stores 64 messages, and drops the oldest messages above this
// limit.
func TestBound(t *testing.T) {
	var up atomic.Bool
	inBubble(t, &fake{answer: func(int, notify.Message) error {
		if up.Load() {
			return nil
		}
		return errDown
	}}, func(b *bench) {
		b.wait(1)
		for i := range 100 {
			b.add(fmt.Sprintf("m%d.begin.failing", i))
		}
		if n := b.Waiting(); n != 64 {
			t.Errorf("%d wait, want 64", n)
		}
		synctest.Wait()
		up.Store(true)
		b.wait(2)
		got := b.outcome()
		if lost, taken := strings.Count(got, "lost"), strings.Count(got, "taken"); lost != 36 || taken != 64 || !strings.HasPrefix(got, "m0.begin lost") {
			t.Errorf("%d lost, %d taken: %s", lost, taken, got)
		}
	})
}

// TestTogether checks that the messages of one minute are sent together, without changes, if the receiver's
// Manner requires this.
func TestTogether(t *testing.T) {
	inBubble(t, &fake{manner: notify.Manner{Together: true, Ends: true, Pause: time.Minute}}, func(b *bench) {
		b.add("a.begin.degraded")
		b.wait(1)
		b.add("a.change.failing<degraded")
		b.add("b.begin.degraded")
		b.add("c.begin.degraded")
		b.wait(10)
		b.add("b.end.degraded")
		b.add("a.end.failing")
		b.wait(200)
		b.add("d.begin.failing")
		b.wait(100)
		want(t, "told", b.said(), "0:a.begin.d 60:b.end.d+c.begin.d+a.end.f 211:d.begin.f")
	})
}

// TestRepeat checks that messages about problems that continue are repeated each minute, and that an end is
// repeated three times.
func TestRepeat(t *testing.T) {
	inBubble(t, &fake{manner: notify.Manner{Together: true, Repeat: time.Minute}}, func(b *bench) {
		b.Resume(message("old.begin.failing"))
		b.wait(1)
		b.add("a.begin.degraded")
		b.wait(100)
		b.add("a.change.failing<degraded")
		b.add("old.end.failing")
		b.wait(260)
		b.add("a.end.failing")
		b.wait(1000)
		want(t, "told", b.said(), strings.Join([]string{
			"0:old.begin.f", "1:old.begin.f+a.begin.d", "61:old.begin.f+a.begin.d",
			"101:old.end.f+a.change.f<d", "161:old.end.f+a.change.f<d", "221:old.end.f+a.change.f<d", "281:old.end.f+a.change.f<d", "341:a.change.f",
			"361:a.end.f", "421:a.end.f", "481:a.end.f", "541:a.end.f",
		}, " "))
		want(t, "outcome", b.outcome(), "a.begin taken 1, old.end taken 1, a.change taken 1, a.end taken 1")
	})
}

// TestRepeatFails checks that a failed repeat is retried like a new message and then dropped. Later repeats must
// continue each minute.
func TestRepeatFails(t *testing.T) {
	inBubble(t, &fake{manner: notify.Manner{Together: true, Repeat: time.Minute}, answer: func(second int, _ notify.Message) error {
		if second > 0 && second < 1000 {
			return errDown
		}
		return nil
	}}, func(b *bench) {
		b.add("a.begin.failing")
		b.wait(90)
		want(t, "told", b.said(), "0:a.begin.f 60:a.begin.f 61:a.begin.f 63:a.begin.f 67:a.begin.f 75:a.begin.f")
		b.wait(1000)
		want(t, "outcome", b.outcome(), "a.begin taken 1")
		if !slices.ContainsFunc(b.results, func(r Result) bool { return r.Repeat && r.GivenUp && r.Tries == 15 }) {
			t.Error("the repeat was not given up")
		}
		last := b.results[len(b.results)-1]
		if last.Err != nil || !last.Repeat {
			t.Errorf("it does not go on: %+v", last)
		}
	})
}

// TestKeep checks that a Keep message is never dropped, and that other messages are sent before it.
func TestKeep(t *testing.T) {
	inBubble(t, &fake{answer: func(second int, m notify.Message) error {
		if second < 3600 {
			return &notify.Refusal{Err: errDown, Final: m.ID == "kept"}
		}
		return nil
	}}, func(b *bench) {
		kept := message("kept.begin.degraded")
		kept.Keep = true
		b.Add(kept, time.Now())
		b.wait(1800)
		b.add("a.begin.failing")
		b.wait(700)
		b.wait(3600)
		if got := b.outcome(); !strings.HasPrefix(got, "a.begin lost 10, kept.begin taken ") {
			t.Errorf("outcome: %s", got)
		}
	})
}

// TestReplace checks that waiting messages are sent to a new receiver immediately.
func TestReplace(t *testing.T) {
	inBubble(t, &fake{answer: func(int, notify.Message) error { return errDown }}, func(b *bench) {
		b.add("a.begin.failing")
		b.wait(100)
		other := &fake{begun: b.begun}
		b.Replace(other)
		b.wait(1)
		want(t, "told", other.said(), "100:a.begin.f")
	})
}

// TestEndOfRun checks that a message that is being sent when Run ends has no result, so that it is sent again
// after a restart.
func TestEndOfRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{begun: time.Now(), answer: func(int, notify.Message) error { return errHang }}
		var results []Result
		r := New(f, func(more []Result) { results = slices.Concat(results, more) })
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		r.Add(message("a.begin.failing"), time.Now())
		time.Sleep(time.Second)
		end()
		running.Wait()
		if len(results) > 0 || r.Waiting() != 1 {
			t.Errorf("%d results, %d wait", len(results), r.Waiting())
		}
	})
}
