package statvent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSoakReadsDuringWrites reads the pipe a thousand times while four goroutines increment stats.
func TestSoakReadsDuringWrites(t *testing.T) {
	const counters = 20
	soak, _ := time.ParseDuration(os.Getenv("SOAK")) // 0 if the variable is not set
	var r Registry
	for c := range counters {
		r.Incr(fmt.Sprintf("counter %d", c), 0)
	}
	goroutines := runtime.NumGoroutine()
	rec := record(t, &r, checkEvery)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var done [4]int64
	for g := range done {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for c := range counters {
					r.Incr(fmt.Sprintf("counter %d", c), 1)
				}
				r.Record("lat.{0}", float64(done[g]))
				done[g]++
				time.Sleep(100 * time.Microsecond) // leave processor time for the readers
			}
		})
	}
	before := make(map[string]Value)
	began := time.Now()
	for i := 0; i < 1000 || time.Since(began) < soak; i++ {
		text := read(t, rec.Path())
		seen := 0
		for line := range strings.Lines(text) {
			name, v, err := ParseLine([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil || !strings.HasSuffix(line, "\n") {
				t.Fatalf("reading %d: torn line %q: %v", i, line, err)
			}
			if strings.HasPrefix(string(name), "counter ") {
				seen++
				if v.Less(before[string(name)]) {
					t.Fatalf("reading %d: %s fell from %v to %v", i, name, before[string(name)], v)
				}
				before[string(name)] = v
			}
		}
		if seen != counters {
			t.Fatalf("reading %d has %d counters, want %d:\n%s", i, seen, counters, text)
		}
	}
	close(stop)
	wg.Wait()
	want := Int(done[0] + done[1] + done[2] + done[3])
	text := read(t, rec.Path())
	for c := range counters {
		if line := fmt.Sprintf("counter %d: %v\n", c, want); !strings.Contains(text, line) {
			t.Errorf("no line %q in the last reading", line)
		}
	}
	if rec.Unserved() != 0 {
		t.Errorf("%d readers were not served", rec.Unserved())
	}
	if err := rec.Close(context.Background()); err != nil {
		t.Error(err)
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// TestManyReadersAtOnce checks that each reader gets a complete snapshot, or nothing if another reader shares its
// pipe.
func TestManyReadersAtOnce(t *testing.T) {
	const readers, each = 16, 20
	var r Registry
	var want bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&want, "name %03d: %d\n", i, i)
		r.Set(fmt.Sprintf("name %03d", i), int64(i))
	}
	rec := record(t, &r, checkEvery)
	var wg sync.WaitGroup
	var mu sync.Mutex
	whole, empty := 0, 0
	for range readers {
		wg.Go(func() {
			buf := make([]byte, 1<<16)
			for range each {
				f, err := os.Open(rec.Path())
				if err != nil {
					t.Error(err)
					return
				}
				n, err := io.ReadFull(f, buf)
				_ = f.Close()
				mu.Lock()
				switch {
				case bytes.Equal(buf[:n], want.Bytes()):
					whole++
				case n == 0:
					empty++
				default:
					t.Errorf("read %d of %d bytes, %v", n, want.Len(), err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d whole, %d empty", whole, empty)
	if whole == 0 {
		t.Error("no reader got a snapshot")
	}
}
