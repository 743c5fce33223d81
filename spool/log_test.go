package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func openLog(t *testing.T, cfg LogConfig) *Log {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "log")
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 20
	}
	l, err := OpenLog(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func text(n uint64) []byte {
	return fmt.Appendf(nil, "record %d %s", n, bytes.Repeat([]byte{'x'}, int(n%700)))
}

// appendTo appends records until the last record in the log has the given number.
func appendTo(t *testing.T, l *Log, last uint64) {
	t.Helper()
	for l.State().Next <= last {
		want := l.State().Next
		if n, err := l.Append(text(want), time.Unix(int64(want), 5)); err != nil || n != want {
			t.Fatalf("record %d got number %d: %v", want, n, err)
		}
	}
}

// readLog reads the records whose numbers are in [from, last]. It returns the numbers of the damaged
// records.
func readLog(t *testing.T, l *Log, from, last uint64) (damaged []uint64) {
	t.Helper()
	r := l.Read(from)
	defer r.Close()
	for want := from; want <= last; want++ {
		got, err := r.Next(t.Context())
		if err != nil || got.Number != want {
			t.Fatalf("record %d: got %d, %v", want, got.Number, err)
		}
		if len(got.Payload) == 0 {
			damaged = append(damaged, want)
		} else if !bytes.Equal(got.Payload, text(want)) || !got.Time.Equal(time.Unix(int64(want), 5)) {
			t.Fatalf("record %d holds %q of %v", want, got.Payload, got.Time)
		}
	}
	return damaged
}

func files(t *testing.T, l *Log) (paths []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(l.cfg.Dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestLogKeeps(t *testing.T) {
	t.Parallel()
	l := openLog(t, LogConfig{})
	appendTo(t, l, 1000)
	crashed := openLog(t, l.cfg) // open the log again without closing it, as after kill -9
	for _, from := range []uint64{1, 2, 500, 1000} {
		if damaged := readLog(t, crashed, from, 1000); damaged != nil {
			t.Errorf("damaged: %v", damaged)
		}
	}
	appendTo(t, crashed, 1500)
	if damaged := readLog(t, crashed, 990, 1500); damaged != nil {
		t.Errorf("damaged: %v", damaged)
	}
}

func TestLogReaderWaits(t *testing.T) {
	t.Parallel()
	l := openLog(t, LogConfig{})
	got := make(chan uint64, 2)
	for range 2 {
		go func() {
			r := l.Read(1)
			defer r.Close()
			record, err := r.Next(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- record.Number
		}()
	}
	appendTo(t, l, 1)
	for range 2 {
		if n := <-got; n != 1 {
			t.Errorf("got record %d", n)
		}
	}
	r := l.Read(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next after cancel: %v", err)
	}
	go func() { _ = l.Close() }()
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next of a closed log: %v", err)
	}
}

func TestLogTrim(t *testing.T) {
	t.Parallel()
	l := openLog(t, LogConfig{})
	appendTo(t, l, 1000)
	before := len(files(t, l))
	l.Trim(700)
	if len(files(t, l)) != before {
		t.Error("segments were removed before a sync")
	}
	if damaged := readLog(t, l, 700, 1000); damaged != nil {
		t.Errorf("damaged: %v", damaged)
	}
	if got, err := l.Read(5).Next(t.Context()); err != nil || got.Number != 700 {
		t.Errorf("the first record is %d: %v", got.Number, err)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if after := len(files(t, l)); after > before/2 {
		t.Errorf("%d of %d segments are left", after, before)
	}
	l.Trim(5000) // a number higher than the number of the last record
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if s := l.State(); s.First != 1001 || s.Next != 1001 || s.Bytes > 32<<10 {
		t.Errorf("state is %+v", s)
	}
	if s := openLog(t, l.cfg).State(); s.Next != 1001 {
		t.Errorf("the numbers begin again at %d", s.Next)
	}
}

func TestLogFull(t *testing.T) {
	t.Parallel()
	l := openLog(t, LogConfig{MaxBytes: 100 << 10})
	var err error
	for err == nil {
		_, err = l.Append(text(l.State().Next), time.Unix(int64(l.State().Next), 5))
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	last := l.State().Next - 1
	if damaged := readLog(t, l, 1, last); damaged != nil {
		t.Errorf("damaged: %v", damaged)
	}
	l.Trim(last)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, last+50)
}

// TestLogDamage damages segments in several ways. All intact records are read with the right
// numbers. All other records are returned as damaged.
func TestLogDamage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(paths []string) error
		most   int // maximum number of damaged records
	}{
		{"a flipped bit", func(p []string) error { return change(p[1], 5000, 1) }, 1},
		{"a page of zeros", func(p []string) error { return change(p[1], 4096, 4096) }, 60},
		{"a lost segment", func(p []string) error { return os.Remove(p[1]) }, 100},
		{"a lost first segment", func(p []string) error { return os.Remove(p[0]) }, 0},
		{"a cut segment", func(p []string) error { return os.Truncate(p[1], 3000) }, 100},
		{"an empty segment", func(p []string) error { return os.Truncate(p[1], 0) }, 100},
		{"a torn tail", func(p []string) error { return os.Truncate(p[len(p)-1], 5001) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := openLog(t, LogConfig{})
			appendTo(t, l, 1000)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := c.damage(files(t, l)); err != nil {
				t.Fatal(err)
			}
			l = openLog(t, l.cfg)
			appendTo(t, l, 1100)
			first := l.State().First
			damaged := readLog(t, l, first, 1100)
			if len(damaged) > c.most || c.most > 0 && len(damaged) == 0 {
				t.Errorf("%d records are damaged: %v", len(damaged), damaged)
			}
		})
	}
}

// change inverts all bits in a part of a file.
func change(path string, from, n int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := from; i < from+n; i++ {
		data[i] ^= 0xff
	}
	return os.WriteFile(path, data, 0o600)
}

// TestLogNext checks that no record gets a number that LogConfig.Next excludes, even if a crash of
// the machine has lost the records with these numbers.
func TestLogNext(t *testing.T) {
	t.Parallel()
	l := openLog(t, LogConfig{})
	appendTo(t, l, 10)
	cfg := l.cfg
	cfg.Next = 14
	l = openLog(t, cfg)
	appendTo(t, l, 20)
	if damaged := readLog(t, l, 1, 20); fmt.Sprint(damaged) != "[11 12 13]" {
		t.Errorf("damaged: %v", damaged)
	}
}

// TestLogVanished checks that a log whose directory was removed continues with the next record.
func TestLogVanished(t *testing.T) {
	t.Parallel()
	l := openLog(t, LogConfig{})
	appendTo(t, l, 10)
	if err := os.RemoveAll(l.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, 20)
	if damaged := readLog(t, l, 1, 20); len(damaged) != 10 {
		t.Errorf("damaged: %v", damaged)
	}
	if s := openLog(t, l.cfg).State(); s.Next != 21 {
		t.Errorf("next is %d", s.Next)
	}
}
