package load

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// TestWindows checks how minutes are combined: counters into sums, gauges into last values, timers into extremes
// and means, and sets into numbers of distinct members.
func TestWindows(t *testing.T) {
	inVirtualTime(t, testConfig(), func(c *clocked) {
		c.expect("/1", values{})
		c.flush(time.Minute, counter("hits", 5), gauge("g", 3), gauge("once", 7), set("u", 1, 2, 3), timer("t", 10, 20, 30))
		c.flush(time.Minute, counter("hits", 7), gauge("g", 2), set("u", 3, 4), timer("t", 100), counter("down", -2.5))
		// Both flush intervals ended at the end of a minute, so the incomplete minute is empty.
		c.expect("/1", values{})
		second := values{"hits": 7, "down": -2.5, "stats.gauges.g": 2, "stats.sets.u": 2,
			"stats.timers.t.count": 1, "stats.timers.t.lower": 100, "stats.timers.t.upper": 100, "stats.timers.t.sum": 100,
			"stats.timers.t.mean": 100, "stats.timers.t.upper_90": 100, "stats.timers.t.upper_99_9": 100}
		c.expect("/2", second)
		c.expect("/1/full", second)
		both := values{"hits": 12, "down": -2.5, "stats.gauges.g": 2, "stats.gauges.once": 7, "stats.sets.u": 4,
			"stats.timers.t.count": 4, "stats.timers.t.lower": 10, "stats.timers.t.upper": 100, "stats.timers.t.sum": 160,
			"stats.timers.t.mean": 40, "stats.timers.t.upper_90": 100, "stats.timers.t.upper_99_9": 100}
		c.expect("/3", both)
		c.expect("/60", both)
		c.expect("/2/full", both)
		c.expect("/60/full", both)
		// Minutes without names are complete minutes too, with or without flushes.
		time.Sleep(time.Minute + lateFlush)
		c.expect("/1/full", values{})
		c.expect("/2/full", second)
		c.flush(time.Minute)
		c.expect("/2/full", values{})
		c.expect("/3/full", second)
		time.Sleep(57*time.Minute + 30*time.Second)
		c.expect("/60/full", second)
		time.Sleep(time.Minute)
		c.expect("/60/full", values{})
	})
}

// TestMinutes checks that an interval belongs to the minute in which it ends. A minute is complete after its last
// flush. If this flush does not come, the minute is complete a little later.
func TestMinutes(t *testing.T) {
	inVirtualTime(t, testConfig(), func(c *clocked) {
		midnight := time.Now().Unix()
		frame := func(want int64) {
			t.Helper()
			if got := get(t, c.handler(), "GET", "/1").Frame - midnight; got != want {
				t.Errorf("at second %d: the minute began at %d, want %d", time.Now().Unix()-midnight, got, want)
			}
		}
		for range 5 {
			c.flush(10*time.Second, counter("hits", 1))
		}
		c.expect("/1", values{"hits": 5})
		c.expect("/1/full", values{})
		frame(0)
		time.Sleep(10*time.Second + 50*time.Millisecond) // the flush is still running at this time
		frame(0)
		c.expect("/1", values{"hits": 5})
		c.expect("/1/full", values{})
		c.Record(counter("hits", 1))
		c.EndInterval(sink.Interval{End: time.Unix(midnight+60, 0)})
		time.Sleep(time.Millisecond)
		frame(60)
		c.expect("/1", values{})
		c.expect("/1/full", values{"hits": 6})

		// A minute is not a multiple of 45 s, so the second interval covers parts of two minutes.
		c.flush(45*time.Second, counter("hits", 10)) // ends at second 90
		c.flush(45*time.Second, counter("hits", 20)) // ends at second 135
		frame(120)
		c.expect("/1", values{"hits": 20})
		c.expect("/1/full", values{"hits": 10})
		time.Sleep(48 * time.Second) // until second 183; there is no flush at second 180
		frame(120)
		time.Sleep(2 * time.Second)
		frame(180)
	})
}

// TestClockPutBack checks that the first flush after the clock was set back removes the minutes in the future.
func TestClockPutBack(t *testing.T) {
	inVirtualTime(t, testConfig(), func(c *clocked) {
		c.flush(time.Minute, counter("before", 1))
		end := func(at time.Time) {
			c.EndInterval(sink.Interval{End: at})
			time.Sleep(time.Millisecond)
		}
		c.Record(counter("ahead", 1))
		end(time.Now().Add(1000 * time.Hour))
		c.expect("/5", values{"ahead": 1})
		c.Record(counter("after", 1))
		end(time.Now().Add(30 * time.Second))
		c.expect("/5", values{"after": 1})
		if n := len(c.history.segments); n != 1 {
			t.Errorf("%d segments are kept, want 1", n)
		}
	})
}

func TestPrefixTagsAndPatterns(t *testing.T) {
	cfg := testConfig()
	cfg.Prefix = "web1"
	inVirtualTime(t, cfg, func(c *clocked) {
		c.flush(time.Minute, counter("a.hits;env=prod;q=\"x\\", 1), timer("a.t;env=prod", 1), gauge("b", 1), set("a.u"))
		c.expect("/2?name=b&name=a.u", values{"stats.gauges.web1.b": 1, "stats.sets.web1.a.u": 0})
		c.expect("/2?name=nothing", values{})
		c.expect("/2?name=[b-c]", values{"stats.gauges.web1.b": 1})
		got := get(t, c.handler(), "GET", "/2?name=a.*%3benv=*")
		if got.Stat[`web1.a.hits;env=prod;q="x\`] != 1 || got.Stat["stats.timers.web1.a.t.upper_99_9;env=prod"] != 1 || len(got.Stat) != 8 {
			t.Errorf("%s", got.text)
		}
	})
}

// TestMemoryIsBounded checks that at the memory limit the oldest minutes are removed first. If that is not
// enough, the newest names are dropped and counted.
func TestMemoryIsBounded(t *testing.T) {
	cfg := testConfig()
	cfg.MaxBytes = 1 << 20
	inVirtualTime(t, cfg, func(c *clocked) {
		var many []*metric.Collected
		for i := range 1000 {
			many = append(many, timer(fmt.Sprintf("timer.%d", i), 1, 20, 300, 4000.5))
		}
		for range 60 {
			c.flush(time.Minute, many...)
			if st := c.State(); st.Bytes > cfg.MaxBytes || st.Dropped != 0 {
				t.Fatalf("%+v", st)
			}
		}
		got := get(t, c.handler(), "GET", "/60/full")
		kept := c.State().Minutes
		if kept < 10 || kept > 40 || got.Stat["timer.7"] != 0 || got.head.Get("X-Window-Minutes") != fmt.Sprint(kept) {
			t.Errorf("%d minutes are kept, %q", kept, got.head)
		}
		if n := got.Stat["stats.timers.timer.7.count"]; n != float64(4*kept) {
			t.Errorf("%v samples in %d minutes", n, kept)
		}

		// There are more names than fit into the memory. They are added all at once or gradually.
		for round := range 10 {
			many = many[:0]
			for i := range 2000 {
				many = append(many, counter(fmt.Sprintf("round.%d.of.a.long.name.%d", round, i), 1))
			}
			c.flush(10*time.Second, many...)
			if st := c.State(); st.Bytes > cfg.MaxBytes || st.Made != st.Delivered+st.Dropped {
				t.Fatalf("%+v", st)
			}
		}
		if st := c.State(); st.Dropped == 0 || st.Dropped > 15_000 {
			t.Errorf("%+v", st)
		}
		for range 2 {
			c.flush(time.Minute)
		}
		before := c.State().Dropped
		c.flush(time.Minute, counter("new", 1))
		c.expect("/1/full", values{"new": 1})
		if st := c.State(); st.Dropped != before {
			t.Errorf("after the flood: %+v", st)
		}
	})
}

// TestRoomForABatch checks that the values of a batch are assigned to the right names, even if minutes were
// removed to make room for the batch.
func TestRoomForABatch(t *testing.T) {
	cfg := testConfig()
	cfg.MaxBytes = 1 << 20
	inVirtualTime(t, cfg, func(c *clocked) {
		var hashes []uint64
		for i := range uint64(4000) {
			hashes = append(hashes, 1+i<<51)
		}
		// Sets are large and names are small. Therefore there is room for the names of a batch, but not for its sets.
		for round := range 40 {
			all := []*metric.Collected{counter(fmt.Sprintf("counter.%d", round), float64(round))}
			for i := range 5 {
				all = append(all, set(fmt.Sprintf("set.%d.%d", round, i), hashes[:1000+round]...))
			}
			c.flush(time.Minute, all...)
			c.expect("/1/full", values{
				fmt.Sprintf("counter.%d", round):          float64(round),
				fmt.Sprintf("stats.sets.set.%d.0", round): float64(1000 + round), fmt.Sprintf("stats.sets.set.%d.1", round): float64(1000 + round),
				fmt.Sprintf("stats.sets.set.%d.2", round): float64(1000 + round), fmt.Sprintf("stats.sets.set.%d.3", round): float64(1000 + round),
				fmt.Sprintf("stats.sets.set.%d.4", round): float64(1000 + round),
			})
			if st := c.State(); st.Bytes > cfg.MaxBytes || st.Dropped != 0 {
				t.Fatalf("%+v", st)
			}
		}
	})
}

// TestIntervalIsBounded checks that values that do not fit into a batch are dropped and counted.
func TestIntervalIsBounded(t *testing.T) {
	cfg := testConfig()
	cfg.MaxBytes = 1 << 20
	inVirtualTime(t, cfg, func(c *clocked) {
		const names = 20_000
		for range 2 {
			var all []*metric.Collected
			for i := range names {
				all = append(all, counter(fmt.Sprint("name", i), 1))
			}
			c.flush(time.Minute, all...)
		}
		if st := c.State(); st.Made != 2*names || st.Dropped < names || st.Made != st.Delivered+st.Dropped {
			t.Errorf("%+v", st)
		}
	})
}

// TestNamesAreForgotten checks that the history frees the memory of names that are no longer
// received.
func TestNamesAreForgotten(t *testing.T) {
	cfg := testConfig()
	cfg.Minutes = 5
	inVirtualTime(t, cfg, func(c *clocked) {
		for round := range 100 {
			all := []*metric.Collected{counter("stays", 1)}
			for i := range 200 {
				all = append(all, counter(fmt.Sprintf("goes.%d.%d", round, i), 1))
			}
			c.flush(time.Minute, all...)
			c.expect("/5/full?name=stays", values{"stays": float64(min(round+1, 5))})
		}
		if st := c.State(); st.Names > 2*(6*200+1)+worthIt {
			t.Errorf("%d names, 1001 of them in a window", st.Names)
		}
		if got := get(t, c.handler(), "GET", "/5/full"); len(got.Stat) != 1001 || got.Stat["goes.99.7"] != 1 || got.Stat["goes.94.7"] != 0 {
			t.Errorf("%d names are shown", len(got.Stat))
		}
	})
}

// TestFlushDoesNotWait checks that a sink that is too slow never delays the flush: it drops and counts intervals.
func TestFlushDoesNotWait(t *testing.T) {
	s := newSink(t, testConfig())
	for range 3 {
		s.Record(counter("a", 1))
		s.Record(counter("b", 1))
		s.EndInterval(sink.Interval{End: time.Now()})
	}
	if st := s.State(); st.Made != 6 || st.Dropped != 4 || st.Delivered != 0 {
		t.Errorf("%+v", st)
	}
}

// TestDeliveredMakesRoom checks that there is room for another interval as soon as an interval counts as
// delivered.
func TestDeliveredMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink(t, testConfig())
		s.Record(counter("a", 1))
		s.EndInterval(sink.Interval{End: time.Now()})
		for len(s.free) < cap(s.free) { // use up all free batches
			s.free <- &batch{}
		}
		go s.keep(<-s.batches)
		synctest.Wait()
		before := s.State().Delivered
		<-s.free
		synctest.Wait()
		if after := s.State().Delivered; before != 0 || after != 1 {
			t.Errorf("%d delivered before there is room, %d then", before, after)
		}
	})
}
