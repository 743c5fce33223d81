package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// record returns the i-th record of a test. Its size, its points and its text depend on i.
func record(i int) Record {
	text := fmt.Sprintf("record %d\n", i)
	return Record{
		Payload: []byte(strings.Repeat(text, 10*(1+i%5))),
		Points:  1 + i%7,
		Time:    1795251862 + int64(i),
	}
}

// number returns the i for which record(i) equals r. It fails the test if there is none.
func number(t testing.TB, r Record) int {
	t.Helper()
	var i int
	if _, err := fmt.Sscanf(string(r.Payload), "record %d\n", &i); err != nil {
		t.Fatalf("payload %q: %v", r.Payload, err)
	}
	if want := record(i); !bytes.Equal(r.Payload, want.Payload) || r.Points != want.Points || r.Time != want.Time {
		t.Fatalf("record %d came back as %+v", i, r)
	}
	return i
}

func open(t testing.TB, cfg Config) *Spool {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { crash(s) })
	return s
}

// crash closes the files of s without any other work, as if the process were killed.
func crash(s *Spool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letGo()
	s.closed = true
}

func fill(t testing.TB, s *Spool, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// take delivers at most n records and returns their numbers.
func take(t testing.TB, s *Spool, n int) (got []int) {
	t.Helper()
	for len(got) < n {
		r, err := s.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, number(t, r))
		if err := s.Advance(); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

const all = 1 << 30

// span returns consecutive numbers: span(3, 6) returns 3, 4 and 5.
func span(from, to int) (want []int) {
	for i := from; i < to; i++ {
		want = append(want, i)
	}
	return want
}

func points(records []int) (n int) {
	for _, i := range records {
		n += record(i).Points
	}
	return n
}

// balance checks that each point is counted exactly once in Stats.
func balance(t testing.TB, s *Spool) Stats {
	t.Helper()
	st := s.Stats()
	if st.Appended+st.Recovered != st.Advanced+uint64(st.Points)+st.Dropped+st.Lost {
		t.Errorf("does not balance: %+v", st)
	}
	return st
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFirstInFirstOut(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "made", "by", "it")})
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("an empty spool returns %v", err)
	}
	if err := s.Advance(); err == nil {
		t.Error("Advance without Next succeeds")
	}
	fill(t, s, 0, 10)
	first, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Next(); err != nil || !bytes.Equal(again.Payload, first.Payload) {
		t.Errorf("Next again = %v, %v, want the same", again, err)
	}
	if got := take(t, s, 4); !slices.Equal(got, span(0, 4)) {
		t.Errorf("took %v", got)
	}
	fill(t, s, 10, 20)
	if st := balance(t, s); st.Records != 16 || st.Points != points(span(4, 20)) {
		t.Errorf("16 records left, but %+v", st)
	}
	if got := take(t, s, all); !slices.Equal(got, span(4, 20)) {
		t.Errorf("took %v", got)
	}
	if st := balance(t, s); st.Records != 0 || st.Points != 0 || st.Bytes != 0 {
		t.Errorf("nothing left, but %+v", st)
	}
	if files := segmentFiles(t, s.cfg.Dir); len(files) != 0 {
		t.Errorf("nothing left, but %v", files)
	}
}

func TestRestartGoesOn(t *testing.T) {
	for name, end := range map[string]func(*Spool){
		"closed": func(s *Spool) { _ = s.Close() },
		"killed": crash,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir()}
			s := open(t, cfg)
			fill(t, s, 0, 20)
			take(t, s, 5)
			if _, err := s.Next(); err != nil { // this record is being sent
				t.Fatal(err)
			}
			end(s)
			s = open(t, cfg)
			want := points(span(5, 20))
			if st := balance(t, s); st.Recovered != uint64(want) || st.Points != want || st.Records != 15 || st.Missing+st.Torn+st.Damaged != 0 {
				t.Errorf("recovered %+v, want %d points", st, want)
			}
			fill(t, s, 20, 25)
			if got := take(t, s, all); !slices.Equal(got, span(5, 25)) {
				t.Errorf("took %v", got)
			}
			balance(t, s)
			end(s)
			if st := open(t, cfg).Stats(); st.Recovered != 0 || st.Missing != 0 {
				t.Errorf("everything was taken, but %+v", st)
			}
		})
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, Config{Dir: dir})
	fill(t, s, 0, 1)
	for path, want := range map[string]os.FileMode{
		dir: 0o700, s.path("lock"): 0o600, s.path("position"): 0o600, segmentFiles(t, dir)[0]: 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestFullSpoolDropsTheOldest(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), MaxBytes: minMaxBytes})
	const n = 4_000
	peak := int64(0)
	for i := range n {
		fill(t, s, i, i+1)
		peak = max(peak, s.Stats().Bytes)
	}
	if peak > minMaxBytes || peak < minMaxBytes*9/10 {
		t.Errorf("%d bytes were used at most, of %d", peak, minMaxBytes)
	}
	st := balance(t, s)
	got := take(t, s, all)
	if want := span(n-len(got), n); !slices.Equal(got, want) {
		t.Errorf("took %d..%d, want the last %d of %d", got[0], got[len(got)-1], len(want), n)
	}
	if want := points(span(0, n-len(got))); st.Dropped != uint64(want) || want == 0 {
		t.Errorf("%d points were dropped, want %d", st.Dropped, want)
	}
	if got := take(t, s, all); got != nil {
		t.Errorf("took %v from an empty spool", got)
	}
	if st := balance(t, s); st.Bytes != 0 {
		t.Errorf("%d bytes left", st.Bytes)
	}
}

// If a segment is dropped while its record is being sent, the record is neither lost nor counted
// twice.
func TestDropWhileHeld(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), MaxBytes: minMaxBytes}
	s := open(t, cfg)
	fill(t, s, 0, 100)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 100, 4_000)
	if s.Stats().Dropped == 0 {
		t.Fatal("nothing was dropped")
	}
	got := take(t, s, all)
	if got[0] != 0 {
		t.Errorf("took %d first, want 0, which is being sent", got[0])
	}
	if want := span(4_000-len(got)+1, 4_000); !slices.Equal(got[1:], want) {
		t.Errorf("then took %d..%d, want the last", got[1], got[len(got)-1])
	}
	if st := balance(t, s); st.Dropped != st.Appended-uint64(points(got)) {
		t.Errorf("dropped %d of %d points, and took %d", st.Dropped, st.Appended, points(got))
	}

	fill(t, s, 0, 100)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 100, 4_000)
	left := s.Stats().Points
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := balance(t, s)
	if want := left - record(0).Points; closed.Points != want { // record 0 is only in memory now, so Close drops it
		t.Errorf("%d points are left after Close, want %d", closed.Points, want)
	}
	if st := open(t, cfg).Stats(); st.Points != closed.Points || st.Records != closed.Records || st.Missing != 0 {
		t.Errorf("recovered %+v, want %+v", st, closed)
	}
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	s := open(t, cfg)
	_, err := Open(cfg) // the lock also works inside one process, because flock distinguishes open files
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("error %v, want one that names this process", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, "lock")); err != nil {
		t.Fatal(err) // the lock file remains, but only the lock on it matters
	}
	open(t, cfg)
}

func TestClosed(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, next := s.Next()
	for what, err := range map[string]error{"Append": s.Append(record(0)), "Next": next, "Advance": s.Advance(), "Close": s.Close()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: error %v, want ErrClosed", what, err)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{Dir: "x"}, ""},
		{Config{Dir: "x", MaxBytes: minMaxBytes, FsyncEvery: time.Minute}, ""},
		{Config{}, "--spool-dir: "},
		{Config{Dir: "x", MaxBytes: minMaxBytes - 1}, "--spool-max-bytes: "},
		{Config{Dir: "x", MaxBytes: -1}, "--spool-max-bytes: "},
		{Config{Dir: "x", FsyncEvery: -1}, "--spool-fsync: "},
	} {
		err := tt.cfg.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%+v: error %v, want one that begins with %q", tt.cfg, err, tt.want)
		}
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("Open takes an empty Config")
	}
}

func TestAppendRefuses(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), MaxBytes: minMaxBytes})
	for name, r := range map[string]Record{
		"no payload":                   {Points: 1},
		"no points":                    {Payload: []byte("a")},
		"too many points":              {Payload: []byte("a"), Points: 1 << 32},
		"a payload beyond MaxPayload":  {Payload: make([]byte, MaxPayload+1), Points: 1},
		"a payload beyond the maximum": {Payload: make([]byte, minMaxBytes), Points: 1},
	} {
		if err := s.Append(r); err == nil {
			t.Errorf("a record with %s was taken", name)
		}
	}
	if st := balance(t, s); st.Appended != 0 || st.Bytes != 0 {
		t.Errorf("nothing was appended, but %+v", st)
	}
}

func TestAppendWhileDelivering(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), FsyncEvery: 20 * time.Millisecond})
	const n = 500
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		for i := range n {
			if err := s.Append(record(i)); err != nil {
				t.Error(err)
			}
			balance(t, s)
		}
	}()
	var got []int
	for done := false; !done; {
		select {
		case <-appended:
			done = true
		default:
		}
		got = append(got, take(t, s, all)...)
	}
	if !slices.Equal(got, span(0, n)) {
		t.Errorf("took %v", got)
	}
}

func TestSyncsWithinTheInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Config{Dir: dir, FsyncEvery: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		dirty := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.dirty
		}
		for range 3 {
			fill(t, s, 0, 3)
			time.Sleep(999 * time.Millisecond)
			if !dirty() {
				t.Error("synced too soon")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if dirty() {
				t.Error("not synced after the interval")
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkAppendNextAdvance(b *testing.B) {
	for _, size := range []int{1 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := open(b, Config{Dir: b.TempDir()})
			r := Record{Payload: bytes.Repeat([]byte("x"), size), Points: size / 40}
			if err := s.Append(r); err != nil { // with a backlog, the benchmark includes reading
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := s.Append(r); err != nil {
					b.Fatal(err)
				}
				if got, err := s.Next(); err != nil || len(got.Payload) != size {
					b.Fatalf("%d bytes, %v", len(got.Payload), err)
				}
				if err := s.Advance(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	cfg := Config{Dir: b.TempDir()}
	s := open(b, cfg)
	r := Record{Payload: bytes.Repeat([]byte("x"), 100<<10), Points: 2500}
	const n = 2000
	for range n {
		if err := s.Append(r); err != nil {
			b.Fatal(err)
		}
	}
	crash(s)
	b.SetBytes(n * int64(len(r.Payload)))
	for b.Loop() {
		s := open(b, cfg)
		if got := s.Stats().Records; got != n {
			b.Fatalf("%d records", got)
		}
		crash(s)
	}
}
