package statvent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
)

// large fills r with more stats than fit into a pipe. Each value has ten digits, so a truncated
// line would show a wrong value.
func large(r *Registry, name string) {
	for i := range 3 << 19 / (len(name) + 18) {
		r.Set(fmt.Sprintf("%06d%s", i, name), 1234567890)
	}
}

// TestSlowReader checks that a reader that stops reading gets only complete lines, and then cutMark.
func TestSlowReader(t *testing.T) {
	for _, name := range []string{"", "name", strings.Repeat("x", 100), strings.Repeat("1: 2", 500), strings.Repeat("x", MaxName-6)} {
		var r Registry
		large(&r, name)
		rec := record(t, &r, checkEvery)
		reader, err := os.Open(rec.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if _, err := reader.Read(make([]byte, 10)); err != nil { // the first bytes were sent
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := rec.Close(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 readers did not get all") {
			t.Errorf("names of %d bytes: Close returns %v", len(name)+6, err)
		}
		if rec.Unserved() != 1 {
			t.Errorf("%d readers are unserved, want 1", rec.Unserved())
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		whole, cut := bytes.CutSuffix(text, []byte("\n"+cutMark))
		lines := bytes.Split(whole, []byte("\n"))
		if !cut {
			t.Errorf("names of %d bytes: %d lines, and the end is %q", len(name)+6, len(lines), text[max(0, len(text)-60):])
		}
		for _, line := range lines[1:] { // the beginning of the first line was read above
			if _, v, err := ParseLine(line); err != nil || v != Int(1234567890) {
				t.Fatalf("the line %.60q... reads as %v, %v", line, v, err)
			}
		}
		if _, v, err := ParseLine([]byte(cutMark)); err == nil {
			t.Errorf("the mark reads as %v", v)
		}
	}
}

// TestStalledReader checks that a Recorder stops waiting for a reader that does not read. Meanwhile it must serve
// other readers.
func TestStalledReader(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	var r Registry
	large(&r, "name")
	rec := record(t, &r, checkEvery)
	stalled, err := os.Open(rec.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if _, err := stalled.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	want, _ := r.AppendText(nil)
	if got := read(t, rec.Path()); got != string(want) {
		t.Errorf("another reader gets %d of %d bytes", len(got), len(want))
	}
	eventually(t, "the reader is given up", func() bool { return rec.Unserved() == 1 })
	if text, err := io.ReadAll(stalled); err != nil || !bytes.HasSuffix(text, []byte("\n"+cutMark)) {
		t.Errorf("the end is %q, %v", text[max(0, len(text)-60):], err)
	}
}

// TestWholeLines checks that wholeLines splits a text into pieces of complete lines, and that each
// piece is small enough for a single write.
func TestWholeLines(t *testing.T) {
	for range 100 {
		var text []byte
		for len(text) < 100_000 {
			value := []Value{Int(rand.Int64()), Int(-1 << 63), Float(-0.0000012345678901234567), Float(-123456789012345678901), Float(rand.ExpFloat64())}[rand.N(5)]
			var err error
			if text, err = AppendLine(text, strings.Repeat("x", 1+rand.N([]int{MaxName, 50}[rand.N(2)])), value); err != nil {
				t.Fatal(err)
			}
		}
		for len(text) > 0 {
			n := wholeLines(text)
			if n == 0 || n > 4096 || text[n-1] != '\n' {
				t.Fatalf("a piece of %d bytes: %q", n, text[max(0, n-20):max(n, 0)])
			}
			text = text[n:]
		}
	}
	longest, err := AppendLine(nil, strings.Repeat("x", MaxName), Float(-0.0000012345678901234567))
	if err != nil || len(longest) > 4096 {
		t.Errorf("the longest line has %d bytes, %v", len(longest), err)
	}
}
