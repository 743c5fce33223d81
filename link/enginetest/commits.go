package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/statsd-ops/statsd/link"
)

// commit appends a commit, and fails the test on an error.
func commit(ctx context.Context, t *testing.T, p link.Partition, after link.Version, slot int64, text string) link.Version {
	t.Helper()
	v, err := p.Append(ctx, after, slot, []byte(text))
	if err != nil || v <= after {
		t.Fatalf("a commit after version %d has the version %d, with the error %v", after, v, err)
	}
	return v
}

func (f *fixture) checkCommits(t *testing.T) {
	p := f.engine.Partition(3)
	head, err := p.Head(f.ctx)
	if err != nil || head.Version != 0 {
		t.Fatalf("the first head is %+v, with the error %v", head, err)
	}
	v := commit(f.ctx, t, p, 0, link.TakeOver, "mine")
	const slot = 180_000_001 // slots are numbers of windows, counted from 1970, so real slots are large
	first := v
	for i := range int64(10) {
		v = commit(f.ctx, t, p, v, slot+i, fmt.Sprint("window ", i))
	}
	v = commit(f.ctx, t, p, v, slot+3, "window 3, corrected")
	if _, err := p.Append(f.ctx, first, slot+10, []byte("of a zombie")); !errors.Is(err, link.ErrFenced) {
		t.Errorf("a commit of a replaced owner: got the error %v, want ErrFenced", err)
	}
	if _, err := p.Append(f.ctx, 0, link.TakeOver, []byte("of a new zombie")); !errors.Is(err, link.ErrFenced) {
		t.Errorf("a commit of a replaced owner that has not read the head: got the error %v, want ErrFenced", err)
	}
	if head, err = p.Head(f.ctx); err != nil || head.Version != v || head.Slot != slot+3 || string(head.Record) != "window 3, corrected" {
		t.Errorf("the head is %+v with the record %s, and the error %v", head, head.Record, err)
	}
	for i, want := range map[int64]string{3: "window 3, corrected", 4: "window 4"} {
		if c, err := p.At(f.ctx, slot+i); err != nil || string(c.Record) != want || c.Slot != slot+i {
			t.Errorf("slot %d holds the record %s, with the error %v", i, c.Record, err)
		}
	}
	// These slots were never committed. The engine may store them in the same location as a committed
	// slot.
	for _, other := range []int64{slot + 11, slot - 1, slot + f.settings.Slots(), slot - f.settings.Slots()} {
		if c, err := p.At(f.ctx, other); !errors.Is(err, link.ErrNone) && (err != nil || c.Slot == other) {
			t.Errorf("slot %+d holds the record %s, with the error %v", other-slot, c.Record, err)
		}
	}
	if other, err := f.engine.Partition(0).Head(f.ctx); err != nil || other.Version != 0 {
		t.Errorf("a partition without commits has the head %+v, with the error %v; want version 0 and no error", other, err)
	}
}

// checkRace lets several owners append after the same head. Exactly one of them must succeed each
// time.
func (f *fixture) checkRace(t *testing.T) {
	engines := []link.Engine{f.engine}
	for len(engines) < f.cluster.Owners {
		e := f.cluster.Engine(t)
		if _, err := e.Join(f.ctx, Settings); err != nil {
			t.Fatal(err)
		}
		engines = append(engines, e)
	}
	var after link.Version
	for round := range 50 {
		won := make([]link.Version, 4)
		var working sync.WaitGroup
		for i := range won {
			working.Go(func() {
				p := engines[i%len(engines)].Partition(2)
				v, err := p.Append(f.ctx, after, int64(round*4+i)%7, fmt.Append(nil, round, i))
				if err != nil && !errors.Is(err, link.ErrFenced) {
					t.Error(err)
				}
				won[i] = v
			})
		}
		working.Wait()
		slices.Sort(won)
		if won[3] == 0 || won[2] != 0 {
			t.Fatalf("round %d: the versions are %v", round, won)
		}
		after = won[3]
	}
}

// checkLarge commits a record that is larger than the engine's limit for messages.
func (f *fixture) checkLarge(t *testing.T) {
	p := f.engine.Partition(0)
	var v link.Version
	for i, size := range []int{899 << 10, 901 << 10, 5 << 20, 10, 3 << 20} {
		record := bytes.Repeat([]byte{'a' + byte(i)}, size)
		next, err := p.Append(f.ctx, v, int64(i), record)
		if err != nil {
			t.Fatalf("append a commit of %d bytes: %v", size, err)
		}
		v = next
		if head, err := p.Head(f.ctx); err != nil || head.Version != v || !bytes.Equal(head.Record, record) {
			t.Errorf("after a commit of %d bytes, the head is another commit, of %d bytes, with the error %v", size, len(head.Record), err)
		}
	}
	if c, err := p.At(f.ctx, 2); err != nil || len(c.Record) != 5<<20 {
		t.Errorf("slot 2 holds a record of %d bytes, with the error %v", len(c.Record), err)
	}
}
