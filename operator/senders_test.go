package operator

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

// watches is a Probes with a fixed answer.
type watches struct {
	asked []probe.SendersQuery
	err   error
}

func (*watches) Top(context.Context, probe.TopQuery) (*probe.Top, error) { return nil, nil }
func (*watches) Tail(probe.TailQuery) (*probe.Tail, error)               { return nil, nil }

func (w *watches) Senders(_ context.Context, q probe.SendersQuery) (*probe.Senders, error) {
	w.asked = append(w.asked, q)
	if w.err != nil {
		return nil, w.err
	}
	s := &probe.Senders{Rows: []probe.Sender{{Name: "10.20.4.17", Share: 0.61}, {Name: "10.20.4.18", Share: 0.3}, {Share: 0.05}, {}, {}}}
	s.From, s.For, s.Every = time.Now().Add(-q.For), q.For, 4
	return s, nil
}

// Explain watches the traffic once, and keeps the answer for later explanations. If another probe
// runs, the explanation says so and is otherwise complete.
func TestExplainSenders(t *testing.T) {
	w := &watches{}
	d := desk(running(metric.Reference, metric.DropTags), Sources{Probes: w})
	ask := func(text string, seconds int) string {
		t.Helper()
		answer, err := d.explain(t.Context(), question.Arguments{"text": text, "seconds": seconds})
		if err != nil {
			t.Fatal(err)
		}
		return step(t, answer.(question.Explanation), "senders").Text
	}
	if got := ask("a*b:1|c", 0); got != "not watched (add --for 5s)" {
		t.Errorf("not asked: %s", got)
	}
	const words = "10.20.4.17 61 %, 10.20.4.18 30 %, unknown 5 %, 2 more  in 5s, 1 batch in 4"
	if got := ask("hits:1|c:2|g\nother:1|c", 5); got != words {
		t.Errorf("asked: %s", got)
	}
	if len(w.asked) != 1 || w.asked[0] != (probe.SendersQuery{Match: "hits", For: 5 * time.Second}) {
		t.Errorf("watched %v", w.asked)
	}
	if got := ask("hits", 0); !strings.HasPrefix(got, words+", ") || !strings.HasSuffix(got, " ago") {
		t.Errorf("asked before: %s", got)
	}
	w.err = &probe.Busy{Running: "top by prefix", Left: 3 * time.Second}
	if got := ask("busy:1|c", 5); got != "not watched: another query watches the traffic (top by prefix): ask again in 3s" {
		t.Errorf("busy: %s", got)
	}
}

// The Desk keeps a limited number of answers about the senders of names. If there are too many, it removes the oldest
// answer.
func TestKnownSenders(t *testing.T) {
	var k knownSenders
	now := time.Now()
	for i := range maxSenders + 1 {
		s := &probe.Senders{}
		s.From = now.Add(time.Duration(i-maxSenders) * time.Second)
		k.keep(fmt.Sprint(i), s)
	}
	if k.last("0", now) != nil || k.last("1", now) == nil || len(k.answers) != maxSenders {
		t.Errorf("%d answers are kept", len(k.answers))
	}
	if k.last(fmt.Sprint(maxSenders), now.Add(sendersFor)) != nil {
		t.Error("an answer is too old")
	}
}

// The glob of a name matches only that name.
func TestGlobOf(t *testing.T) {
	if got := globOf(`a*b?c[d]\e`); got != `a\*b\?c\[d]\\e` {
		t.Errorf("got %s", got)
	}
}
