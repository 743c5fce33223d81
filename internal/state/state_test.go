package state

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var flushes = []Span{{-10, 20}, {1795251850000000000, 1795251860000000000}}

func encode(gauges ...Gauge) []byte {
	var e Encoder
	b := e.AppendHead(nil, flushes)
	for _, g := range gauges {
		b = e.AppendGauge(b, g)
	}
	return e.AppendEnd(b)
}

func save(t *testing.T, path string, data []byte) {
	t.Helper()
	err := Save(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// load returns the gauges of a file as text.
func load(path string) (got []string, err error) {
	spans, err := Load(path, func(g Gauge) { got = append(got, fmt.Sprintf("%s %v %d %d", g.Name, g.Value, g.Seen, g.Set)) })
	if err == nil && !slices.Equal(spans, flushes) {
		err = fmt.Errorf("flushes %v", spans)
	}
	return got, err
}

func TestFormat(t *testing.T) {
	t.Parallel()
	got := encode(Gauge{[]byte("app.queue.length"), -12.5, 1795251852, 1795251851123456789})
	want := "statsd state 2\nflushes -10 20\nflushes 1795251850000000000 1795251860000000000\ngauge 1795251852 1795251851123456789 -12.5 app.queue.length\nend 1 "
	if !strings.HasPrefix(string(got), want) {
		t.Errorf("%q, want it to begin with %q", got, want)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	for _, gauges := range [][]Gauge{
		nil,
		{{[]byte("a"), 0, 0, 5}},
		{{[]byte("a"), math.MaxFloat64, -1, 5}, {[]byte(strings.Repeat("b", 65535)), math.SmallestNonzeroFloat64, math.MaxInt64, math.MaxInt64}, {[]byte("c"), 0.1, 1, 0}},
	} {
		save(t, path, encode(gauges...))
		var want []string
		for _, g := range gauges {
			want = append(want, fmt.Sprintf("%s %v %d %d", g.Name, g.Value, g.Seen, g.Set))
		}
		if got, err := load(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %d gauges and error %v, want %d", len(got), err, len(want))
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}

// TestVersion1 loads a file of version 1, which does not contain the times at which gauges were set.
func TestVersion1(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	text := headBefore + "flushes -10 20\nflushes 1795251850000000000 1795251860000000000\ngauge 1795251852 -12.5 app.queue.length\n"
	save(t, path, fmt.Appendf(nil, "%send 1 %08x\n", text, crc32.Checksum([]byte(text), castagnoli)))
	if got, err := load(path); err != nil || !slices.Equal(got, []string{"app.queue.length -12.5 1795251852 0"}) {
		t.Errorf("%q, error %v", got, err)
	}
}

// TestDamage checks that Load returns no gauge from a damaged file: truncated, with a changed bit,
// or with additional bytes.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	whole := encode(Gauge{[]byte("some.gauge"), 17, 1795251852, 1}, Gauge{[]byte("another"), 1e300, 1795251852, 5})
	try := func(what string, data []byte) {
		save(t, path, data)
		want := ErrDamaged
		if n := min(len(data), len(format)); string(data[:n]) != format[:n] {
			want = ErrOther
		}
		if got, err := load(path); !errors.Is(err, want) || len(got) != 0 || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %q, error %v", what, got, err)
		}
	}
	for n := range whole {
		try(fmt.Sprintf("cut off after %d bytes", n), whole[:n])
		for bit := range 8 {
			flipped := slices.Clone(whole)
			flipped[n] ^= 1 << bit
			try(fmt.Sprintf("bit %d of byte %d flipped", bit, n), flipped)
		}
	}
	try("something behind it", append(slices.Clone(whole), '\n'))
	try("twice", append(slices.Clone(whole), whole...))
	try("empty", []byte(head[:len(head)-1]))
	try("no head", encode()[len(head):])
	try("too many spans", (&Encoder{}).AppendHead(nil, make([]Span, MaxSpans+1)))
	try("a later version", []byte("statsd state 3\n"))
	try("an endless line", []byte(head+strings.Repeat("x", 1<<20)))
}

// TestHold checks that Hold refuses a file that is not a state file, and leaves it unchanged.
func TestHold(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		"": false, "statsd st": false, head: false, headBefore + "x": false, "statsd state 3\n": false,
		"1234\n": true, "{\"version\":1}\n": true, "statsd": false, "statsd states": true, " " + head: true, "\n": true,
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		held, err := Hold(path)
		if err == nil {
			err = held.Close()
		}
		if refused != (err != nil) || err != nil && err.Error() != "open "+path+": refused: it is not a state file, and is left unchanged: name another file, or move it away" {
			t.Errorf("%q: %v", text, err)
		}
		if now, err := os.ReadFile(path); string(now) != text || err != nil {
			t.Errorf("%q became %q, %v", text, now, err)
		}
	}
}

func TestSaveKeepsTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	save(t, path, encode(Gauge{[]byte("a"), 1, 1, 5}))
	fault := errors.New("no more")
	err := Save(path, func(w io.Writer) error {
		_, err := io.WriteString(w, head)
		return errors.Join(err, fault)
	})
	if !errors.Is(err, fault) {
		t.Errorf("error %v, want %v", err, fault)
	}
	if got, err := load(path); err != nil || len(got) != 1 {
		t.Errorf("%q, error %v", got, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
	if _, err := load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that the file does not exist", err)
	}
	if err := Save(filepath.Join(dir, "none", "state"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that the file does not exist", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(encode())
	f.Add(encode(Gauge{[]byte("a"), 1, 1, 5}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var gauges []Gauge
		spans, err := read(bytes.NewReader(data), func(g Gauge) {
			g.Name = bytes.Clone(g.Name)
			gauges = append(gauges, g)
		})
		if err != nil {
			return
		}
		var e Encoder
		again := e.AppendHead(nil, spans)
		for _, g := range gauges {
			again = e.AppendGauge(again, g)
		}
		again = e.AppendEnd(again)
		if _, err := read(bytes.NewReader(again), func(Gauge) {}); err != nil {
			t.Errorf("%q was read, but not %q: %v", data, again, err)
		}
	})
}
