package aggregate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

func TestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := testTable(2)
		start := time.Now()
		check := func(name string, first time.Duration, before bool, unseen uint32) {
			t.Helper()
			got, held := table.Seen(metric.Counter, []byte(name))
			want := Seen{FirstSeen{start.Add(first), before}, unseen}
			if !held || !got.First.At.Equal(want.First.At) || got.First.Before != before || got.Unseen != unseen {
				t.Errorf("%s: %v after %v, held %v; want %v after %v", name, got, got.First.At.Sub(start), held, want, first)
			}
		}
		gone := func(name string) {
			t.Helper()
			if got, held := table.Seen(metric.Counter, []byte(name)); held {
				t.Errorf("%s: %v", name, got)
			}
		}
		flush := func() {
			time.Sleep(30 * time.Second)
			table.flushAll()
		}
		gone("a")
		table.Shard(0).name("a")
		check("a", 0, false, 0)
		flush() // 30 s after the start
		check("a", 30*time.Second, false, 1)
		table.Shard(0).name("a")
		table.Shard(1).name("a") // the same name in another shard, at a later time
		table.Shard(1).name("b")
		check("a", 30*time.Second, false, 0)
		check("b", 30*time.Second, false, 0) // b was first seen between the last flush and now
		flush()
		check("b", 60*time.Second, false, 1)
		flush()
		check("b", 60*time.Second, false, 2)
		flush()
		gone("b")
		table.Shard(1).name("b") // b has expired, but its record still exists
		check("b", 60*time.Second, false, 0)

		// When many names expire, a shard is rebuilt. The rebuild loses the times when names were first
		// seen.
		for i := range 5000 {
			table.Shard(0).name("noise%d", i)
		}
		before := table.shards[0].names
		for table.shards[0].names == before {
			table.Shard(0).name("a")
			table.Shard(0).name("old")
			flush()
		}
		rebuilt := time.Since(start)
		table.Shard(0).name("a")
		table.Shard(0).name("old")
		table.Shard(0).name("c")
		flush()
		check("a", 60*time.Second, true, 1) // another shard has had the name since 60 s after the start
		check("old", rebuilt, true, 1)
		check("c", rebuilt+30*time.Second, false, 1)
		if _, held := table.Seen(metric.Gauge, []byte("a")); held {
			t.Error("a is no gauge")
		}
		table.Forget(metric.Counter, []byte("c"))
		gone("c")
	})
}

// A remembered gauge was first seen before the table was made.
func TestSeenRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := testTable(1)
		start := time.Now()
		table.Remember(Remembered{Name: []byte("level"), Value: 1, Unseen: 3})
		time.Sleep(time.Minute)
		got, held := table.Seen(metric.Gauge, []byte("level"))
		if !held || !got.First.At.Equal(start) || !got.First.Before || got.Unseen != 4 {
			t.Errorf("got %v, %v", got, held)
		}
	})
}

// The marks of a shard store when its names were made. The number of marks is bounded. For a name made in the last day,
// the stored time is at most 40 s late. For a name made in the last week, it is at most two minutes late.
func TestMarks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := marks{began: 1_000_000}
	now := m.began
	made := []int64{} // times when names were made, indexed by ref
	for step := 0; now < m.began+10*24*60*60; step++ {
		now += 1 + r.Int64N(20)
		for range r.IntN(3) {
			made = append(made, now)
		}
		m.note(ref(len(made)), now)
		if len(m.list) > maxMarks {
			t.Fatalf("%d marks", len(m.list))
		}
	}
	rec := make(record, 64)
	for range 10_000 {
		at := r.IntN(len(made))
		age := now - made[at]
		got := m.first(ref(at), rec, time.Unix(now, 0))
		late := got.At.Unix() - made[at]
		most := int64(2 * fineMark * 2)
		if age > fineMarks {
			most = 2 * coarseMark
		}
		if got.Before != (late > most) && age < coarseMarks || late < 0 || !got.Before && late > most {
			t.Fatalf("made %d s ago: %d s late, before: %v", age, late, got.Before)
		}
	}
}

// BenchmarkNewName measures the time to make a name.
func BenchmarkNewName(b *testing.B) {
	table := testTable(1)
	s := table.Shard(0)
	names := make([][]byte, 1_000_000)
	for i := range names {
		names[i] = fmt.Appendf(nil, "app%d.web-%02d.api.v2.users.get.status_%d", i%20, i%50, i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%len(names) == 0 {
			table = testTable(1)
			s = table.Shard(0)
		}
		s.Add(&metric.Sample{Name: names[i%len(names)], Value: 1, Weight: 1})
	}
}

func (t *Table) flushAll() { t.Drain(nil).Summarize(testLayout, 1) }

// name adds a sample of a counter with a formatted name.
func (s *Shard) name(format string, args ...any) {
	s.Lock()
	s.Add(&metric.Sample{Name: fmt.Appendf(nil, format, args...), Value: 1, Weight: 1})
	s.Unlock()
}
