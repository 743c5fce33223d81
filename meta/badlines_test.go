package meta

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBadLines(t *testing.T) {
	var b BadLines
	if got := b.Last(); len(got) != 0 {
		t.Errorf("nothing added: %v", got)
	}
	sender := SenderAt(netip.MustParseAddrPort("192.0.2.1:5"))
	buffer := make([]byte, 0, 64)
	for i := range 250 {
		buffer = fmt.Appendf(buffer[:0], "line %d", i)
		b.Add(BadLine{Time: time.Unix(int64(i), 0), Sender: sender, Reason: "bad_value", Line: buffer})
		got := b.Last()
		if len(got) != min(i+1, 100) {
			t.Fatalf("after %d lines there are %d", i+1, len(got))
		}
		if newest := got[0]; string(newest.Line) != string(buffer) || newest.Time != time.Unix(int64(i), 0) || newest.Sender != sender || newest.Reason != "bad_value" {
			t.Fatalf("line %d is kept as %v", i, newest)
		}
	}
	last := b.Last()
	b.Add(BadLine{Line: []byte("LINE")})
	for i, l := range last {
		if want := fmt.Sprintf("line %d", 249-i); string(l.Line) != want {
			t.Errorf("line %d is %q, want %q", i, l.Line, want)
		}
	}
}

func TestBadLinesCut(t *testing.T) {
	var b BadLines
	long := bytes.Repeat([]byte("x"), 65_507)
	b.Add(BadLine{Line: long})
	if got := b.Last()[0].Line; Quote(got) != Quote(long) || len(got) > QuoteLimit+1 {
		t.Errorf("kept %d bytes, shown as %s", len(got), Quote(got))
	}
}

func TestBadLinesAllocate(t *testing.T) {
	var b BadLines
	l := BadLine{Time: time.Now(), Reason: "bad_value", Line: []byte(strings.Repeat("x", 1000))}
	for range badLines {
		b.Add(l)
	}
	if got := testing.AllocsPerRun(1000, func() { b.Add(l) }); got > 0 {
		t.Errorf("a bad line costs %v allocations", got)
	}
}

func TestBadLinesConcurrently(t *testing.T) {
	var b BadLines
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				b.Add(BadLine{Line: []byte("abc")})
				for _, l := range b.Last() {
					if string(l.Line) != "abc" {
						t.Errorf("got %q", l.Line)
					}
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkBadLinesAdd(b *testing.B) {
	var lines BadLines
	l := BadLine{Time: time.Now(), Reason: "bad_value", Line: bytes.Repeat([]byte("x"), 300)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lines.Add(l)
		}
	})
	if len(lines.Last()[0].Line) != QuoteLimit+1 {
		b.Fatal("the line is not there")
	}
}
