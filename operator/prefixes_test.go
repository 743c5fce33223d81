package operator

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/census"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

// tableDesk returns a Desk for a table with 3,000 names. Its flush loop runs only *left more functions. Later functions
// fail when their context ends.
func tableDesk(left *int) *Desk {
	table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 10_000, MaxNameLength: 100, Expire: [metric.Kinds]uint32{2, 2, 2, 2}})
	table.Count(census.NewCounter)
	s := table.Shard(0)
	s.Lock()
	for i := range 3000 {
		s.Add(&metric.Sample{Name: fmt.Appendf(nil, "app%d.n%d", i%30, i), Value: 1, Weight: 1})
	}
	s.Unlock()
	return New(Sources{OnLoop: func(ctx context.Context, f func(*Running)) error {
		if *left == 0 {
			<-ctx.Done()
			return ctx.Err()
		}
		*left--
		f(&Running{Table: table})
		return nil
	}})
}

func askPrefixes(d *Desk, given map[string]any) (question.Answer, error) {
	q := d.prefixesQuestion()
	args, err := question.Check(q.Parameters, given)
	if err != nil {
		return question.Answer{}, err
	}
	return q.Ask(context.Background(), args)
}

func TestPrefixesLimit(t *testing.T) {
	left := 1000
	a, err := askPrefixes(tableDesk(&left), map[string]any{"limit": 7})
	if err != nil {
		t.Fatal(err)
	}
	p := a.Data.(question.Prefixes)
	if !a.Complete || p.Held != 3000 || len(p.Prefixes) != 7 || p.Others.Names != 2300 || p.Others.New != 2300 || p.Error != 0 {
		t.Errorf("got %+v", a)
	}
	for _, row := range p.Prefixes {
		if row.Names != 100 || row.New != 100 || !row.ManyNew || row.Share != 1./30 || row.Bytes == 0 || row.Newest.IsZero() {
			t.Errorf("got %+v", row)
		}
	}
}

// If there is no time for a count, the answer is the last count, with the time of that count. If
// there is no last count, the answer is the part that was counted so far.
func TestPrefixesWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := 3 // the first call begins the count, and two more calls count a part
		d := tableDesk(&left)
		begin := time.Now()
		a, err := askPrefixes(d, nil)
		if err != nil || a.Complete || time.Since(begin) >= question.AnswerTime {
			t.Fatalf("after %v: %+v, %v", time.Since(begin), a, err)
		}
		if held := a.Data.(question.Prefixes).Held; held < 500 || held > 2500 {
			t.Errorf("%d were counted in two steps", held)
		}
		if _, err := askPrefixes(d, nil); err == nil {
			t.Error("an answer from nothing")
		}
		left = 1000
		at := time.Now()
		if a, err = askPrefixes(d, nil); err != nil || !a.Complete {
			t.Fatalf("%+v, %v", a, err)
		}
		left = 0
		time.Sleep(time.Minute)
		if a, err = askPrefixes(d, nil); err != nil || !a.AsOf.Equal(at) || a.Data.(question.Prefixes).Held != 3000 {
			t.Errorf("as of %v, want %v: %v", a.AsOf, at, err)
		}
		if a, err = askPrefixes(d, map[string]any{"seconds": 60}); err == nil {
			t.Errorf("another query got %v", a)
		}
		time.Sleep(countedFor)
		if a, err = askPrefixes(d, nil); err == nil {
			t.Errorf("the answer is %v old", time.Since(a.AsOf))
		}
	})
}

// Only one count runs at a time. During a count, another query gets the last answer, or an error
// that says when to ask again.
func TestPrefixesInTurn(t *testing.T) {
	left := 1000
	d := tableDesk(&left)
	d.counted.turn.Lock()
	var e *question.Error
	if _, err := askPrefixes(d, nil); !errors.As(err, &e) || e.Code != question.Busy || e.After == 0 {
		t.Errorf("got %v", err)
	}
	d.counted.turn.Unlock()
	first, err := askPrefixes(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.counted.turn.Lock()
	if second, err := askPrefixes(d, nil); err != nil || !second.AsOf.Equal(first.AsOf) {
		t.Errorf("as of %v, want %v: %v", second.AsOf, first.AsOf, err)
	}
	d.counted.turn.Unlock()
	for i := range 5 * maxCounted { // the number of kept answers is limited
		if _, err := askPrefixes(d, map[string]any{"prefix": fmt.Sprintf("app%d", i%30)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.counted.kept); n != maxCounted {
		t.Errorf("%d answers are kept", n)
	}
}
