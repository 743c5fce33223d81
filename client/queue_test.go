package client

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

func put(q *queue, line string) {
	if b, p := q.begin(len(line), 1); p != nil {
		_ = append(b, line...)
		q.commit(p, 1)
	}
}

// TestQueueShrinks checks that the memory for a burst of lines is freed when the queue is empty.
func TestQueueShrinks(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 100})
	for range 90 {
		put(q, "12345678\n")
	}
	sent := 0
	for p, state := q.pop(true); state == queueReady; p, state = q.pop(true) {
		sent++
		q.done(p, len(p.text))
	}
	if sent != 90 || len(q.free) > 16 {
		t.Errorf("%d packets were sent, and %d are kept", sent, len(q.free))
	}
}

// TestQueueWaitsForCaller checks that a packet is sent when the last caller has finished writing to
// the packet. The end of the write must wake the sender.
func TestQueueWaitsForCaller(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 100})
	if _, state := q.pop(false); state != queueEmpty {
		t.Fatalf("a new queue is in state %d", state)
	}
	b, p := q.begin(9, 1)
	put(q, "87654321\n") // this line is in another packet
	<-q.wake
	if _, state := q.pop(true); state != queuePartial {
		t.Fatalf("a packet that is still written to is in state %d", state)
	}
	flushed := q.flush()
	<-q.wake
	_ = append(b, "12345678\n"...)
	q.commit(p, 1)
	<-q.wake
	for _, want := range []string{"12345678\n", "87654321\n"} {
		got, state := q.pop(false)
		if state != queueReady || string(got.text) != want || got.left.lines != 1 {
			t.Fatalf("state %d, %+v, want %q", state, got, want)
		}
		q.done(got, len(got.text))
	}
	<-flushed
}

// TestQueueDropsUnfinished checks that a dropped packet is not reused while a caller still writes
// to the packet.
func TestQueueDropsUnfinished(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 1, DropOldest: true})
	b, p := q.begin(9, 1)
	for range 5 {
		put(q, "87654321\n")
	}
	_ = append(b, "12345678\n"...)
	q.commit(p, 1)
	for range 2 {
		got, state := q.pop(true)
		if state != queueReady || string(got.text) != "87654321\n" {
			t.Fatalf("state %d, %q", state, got.text)
		}
		q.done(got, len(got.text))
	}
	if s := q.snapshot(); s.Dropped.QueueFull != 4 || s.Sent != 2 || s.Lines != 6 {
		t.Errorf("%+v", s)
	}
}

// TestQueueCloses checks that a closed queue accepts no more lines. It must still return the lines that callers are
// writing at that time, and only then report queueEnded.
func TestQueueCloses(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 100, QueueSize: 10})
	b, p := q.begin(9, 1)
	q.close()
	put(q, "87654321\n")
	if _, state := q.pop(false); state != queuePartial {
		t.Fatalf("closed with a line that is still written: state %d", state)
	}
	_ = append(b, "12345678\n"...)
	q.commit(p, 1)
	put(q, "87654321\n")
	got, state := q.pop(false)
	if state != queueReady || string(got.text) != "12345678\n" {
		t.Fatalf("state %d, %q", state, got.text)
	}
	q.done(got, len(got.text))
	if _, state := q.pop(false); state != queueEnded || !q.ended() {
		t.Errorf("closed and empty: state %d", state)
	}
	if s := q.snapshot(); s.Dropped.AfterClose != 2 || s.Sent != 1 {
		t.Errorf("%+v", s)
	}
}

// TestQueueFillsOne checks that two packets are never filled at the same time. The lines of one caller could
// otherwise be sent in the wrong order.
func TestQueueFillsOne(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 1})
	next := 1 // number of lines that the next turn reserves; it differs in each turn, so it shows which turn used a packet
	turn := func() *packet {
		b, p := q.begin(9, next)
		_ = append(b, "12345678\n"...)
		q.commit(p, next)
		next++
		if sent, state := q.pop(false); state == queueReady {
			q.done(sent, len(sent.text))
		}
		return p
	}
	one, other := turn(), turn()
	var turned atomic.Bool
	go func() {
		defer turned.Store(true)
		for range 50_000 {
			turn()
		}
	}()
	for !turned.Load() {
		before, meanwhile, after := one.reserved.Load(), other.reserved.Load(), one.reserved.Load()
		if before == after && before < sealed && meanwhile < sealed {
			t.Fatalf("%d lines in the one, %d in the other", linesOf(before), linesOf(meanwhile))
		}
	}
}

// TestQueueWakes checks that a line that is added while the sender falls asleep wakes the sender.
func TestQueueWakes(t *testing.T) {
	t.Parallel()
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 1})
	taken := make(chan bool)
	go func() {
		for range taken {
			put(q, "12345678\n")
		}
	}()
	defer close(taken)
	for range soak.Times(300_000) {
		taken <- true
		for {
			p, state := q.pop(true)
			if state == queueReady {
				q.done(p, len(p.text))
				break
			}
			select {
			case <-q.wake:
			case <-time.After(wait.Patience):
				t.Fatalf("asleep: %+v", q.snapshot())
			}
		}
	}
}

// TestQueueManyCallers runs many callers, a sender, flushes and a close at the same time. Each line must be sent
// completely and once, or be counted as dropped. The lines of one caller must stay in order.
func TestQueueManyCallers(t *testing.T) {
	for _, dropOldest := range []bool{false, true} {
		for _, size := range []int{1, 100} {
			t.Run(fmt.Sprintf("size %d, drop oldest %v", size, dropOldest), func(t *testing.T) {
				manyCallers(t, newQueue(Config{MaxPacketSize: 100, QueueSize: size, DropOldest: dropOldest}))
			})
		}
	}
}

func manyCallers(t *testing.T, q *queue) {
	const callers, calls = 8, 5_000
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range calls {
				put(q, fmt.Sprintf("%d %d%s\n", caller, i, strings.Repeat("x", i%20)))
				if i%1000 == 999 {
					<-q.flush()
				}
			}
		})
	}
	go func() {
		wg.Wait()
		q.close()
	}()
	var sent uint64
	last := map[int]int{}
	for deadline := time.After(wait.Patience); ; {
		p, state := q.pop(false)
		if state == queueEnded {
			break
		}
		if state != queueReady {
			select {
			case <-q.wake:
				continue
			case <-deadline:
				t.Fatalf("the queue does not end: %+v", q.snapshot())
			}
		}
		for line := range bytes.Lines(p.text) {
			var caller, i int
			var rest string
			if n, _ := fmt.Sscanf(string(line), "%d %d%s\n", &caller, &i, &rest); n < 2 || len(rest) != i%20 || line[len(line)-1] != '\n' {
				t.Fatalf("line %q", line)
			}
			if before, ok := last[caller]; ok && before >= i {
				t.Fatalf("caller %d: %d after %d", caller, i, before)
			}
			last[caller] = i
			sent++
		}
		q.done(p, len(p.text))
	}
	s := q.snapshot()
	if s.Sent != sent || s.Lines != callers*calls || s.Sent+s.Dropped.QueueFull != s.Lines || sent == 0 {
		t.Errorf("%d lines left: %+v", sent, s)
	}
}

// TestLineSizes checks that every kind of line has exactly the length that was reserved for it.
func TestLineSizes(t *testing.T) {
	pick := func(texts ...string) string { return texts[rand.IntN(len(texts))] }
	text := func() string { return pick("a", "some.name", "dir|ty:\nname", strings.Repeat("long.", 20)) }
	section := func(rate string, tags []string) string {
		var kept []string
		for _, tag := range tags {
			if tag != "" {
				kept = append(kept, strings.NewReplacer("|", "_", ",", "_").Replace(tag))
			}
		}
		if len(kept) > 0 {
			rate += "|#" + strings.Join(kept, ",")
		}
		return rate + "\n"
	}
	tags := func() (tags []string) {
		for range rand.IntN(4) {
			tags = append(tags, pick("", "a:b", "word", "dir|ty:x,y"))
		}
		return tags
	}
	clean := strings.NewReplacer("|", "_", ":", "_", "\n", "_").Replace
	for range 2_000 {
		first, own, call := tags(), tags(), tags()
		co := &core{queue: newQueue(Config{MaxPacketSize: 2000, QueueSize: 1}), base: "app.", hasher: newHasher()}
		c := &Client{core: co, enc: co.encode("", string(appendTags(nil, first, false)), "")}
		prefix, rate := "app.", ""
		if rand.IntN(2) == 0 {
			c = c.With("sub", own...)
			prefix, first = "app.sub.", append(first, own...)
		}
		all := append(first, call...)
		if rand.IntN(2) == 0 {
			c.rate = 1 - 1e-16 // so close to 1 that no sample is left out
			rate = "|@" + strconv.FormatFloat(c.rate, 'f', -1, 64)
		}
		name, member := text(), text()
		want, value := prefix+clean(name)+":", rand.NormFloat64()
		switch number := strconv.FormatFloat(value, 'f', -1, 64); rand.IntN(5) {
		case 0:
			c.Count(name, int64(value*1e6), call...)
			want += fmt.Sprint(int64(value*1e6)) + "|c" + section(rate, all)
		case 1:
			c.Gauge(name, value, call...)
			if value < 0 {
				want += "0|g" + section(rate, all) + want
			}
			want += number + "|g" + section(rate, all)
		case 2:
			c.Set(name, member, call...)
			want += clean(member) + "|s" + section("", all)
		case 3:
			c.Inject(name, member, "x", call...)
			want += strings.ReplaceAll(member, "\n", "_") + "|x" + section(rate, all)
		case 4:
			c.NewCounter(name, call...).Add(-5)
			want += "-5|c" + section(rate, all)
		}
		p, state := co.queue.pop(true)
		if state != queueReady || string(p.text) != want {
			t.Fatalf("state %d, %q, want %q", state, p.text, want)
		}
	}
}

// TestQueueFlushDropped checks that a flush ends when its lines were dropped, but not while older lines are being
// sent.
func TestQueueFlushDropped(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 1, DropOldest: true})
	for _, inHand := range []bool{false, true} {
		put(q, "12345678\n")
		var hand *packet
		if inHand {
			hand, _ = q.pop(true)
			put(q, "12345678\n")
		}
		flushed := q.flush()
		for range 3 {
			put(q, "87654321\n")
		}
		if inHand {
			select {
			case <-flushed:
				t.Error("a flush ended before its lines were sent")
			default:
			}
			q.done(hand, len(hand.text))
		}
		select {
		case <-flushed:
		default:
			t.Errorf("in hand %v: a flush waits for dropped lines: %+v", inHand, q.snapshot())
		}
	}
}

// TestQueueReserve checks that callers cannot use the room that a blocking queue reserves for merged lines. The
// aggregator must not wait for room.
func TestQueueReserve(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 2, Block: time.Nanosecond, Aggregate: time.Second})
	for range 10 { // two packets wait, and the third one is full
		put(q, "12345678\n")
	}
	for range maxValues {
		b, p := q.beginMerged(9, 1, 3)
		if p == nil {
			t.Fatalf("a merged line was dropped: %+v", q.snapshot())
		}
		_ = append(b, "1:2:3456\n"...)
		q.commit(p, 1)
	}
	put(q, "12345678\n")
	if s := q.snapshot(); s.Queued != 3+maxValues || s.Dropped != (Drops{QueueFull: 8}) {
		t.Errorf("%+v", s)
	}
}
