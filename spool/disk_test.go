package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDirectoryRemoved(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "a", "spool")})
	fill(t, s, 0, 20)
	take(t, s, 5)
	if _, err := s.Next(); err != nil { // this record is being sent
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(s.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 20, 30)
	st := balance(t, s)
	if want := uint64(points(span(6, 20))); st.Lost != want || st.Recovered != 0 {
		t.Errorf("lost %d points and recovered %d, want %d and 0", st.Lost, st.Recovered, want)
	}
	if got := take(t, s, all); !slices.Equal(got, append([]int{5}, span(20, 30)...)) {
		t.Errorf("took %v", got)
	}
	balance(t, s)
	fill(t, s, 30, 40) // the next Append finds the new directory
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(s.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 40, 50)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if st := balance(t, s); st.Points != points(span(40, 50)) { // the record from Next is lost, because its directory was removed
		t.Errorf("%d points are left after Close", st.Points)
	}
	if got := take(t, open(t, s.cfg), all); !slices.Equal(got, span(40, 50)) {
		t.Errorf("took %v", got)
	}
}

func TestDirectoryRemovedThenNext(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "spool")})
	fill(t, s, 0, 20)
	if err := os.RemoveAll(s.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if got := take(t, s, all); got != nil {
		t.Errorf("took %v", got)
	}
	if st := balance(t, s); st.Lost != uint64(points(span(0, 20))) {
		t.Errorf("lost %d points", st.Lost)
	}
}

// If single files are removed, only the points in these files are lost.
func TestSingleFilesRemoved(t *testing.T) {
	t.Run("lock", func(t *testing.T) {
		s := open(t, Config{Dir: t.TempDir()})
		fill(t, s, 0, 20)
		take(t, s, 5)
		if err := os.Remove(s.path("lock")); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 20, 30)
		if got := take(t, s, all); !slices.Equal(got, span(5, 30)) {
			t.Errorf("took %v", got)
		}
		if st := balance(t, s); st.Lost+st.Recovered+st.Missing != 0 {
			t.Errorf("%+v", st)
		}
	})
	t.Run("segment being written", func(t *testing.T) {
		s := open(t, Config{Dir: t.TempDir(), MaxBytes: minMaxBytes})
		fill(t, s, 0, 100)
		files := segmentFiles(t, s.cfg.Dir)
		if err := os.Remove(files[len(files)-1]); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 100, 110)
		got := take(t, s, all)
		kept := len(got) - 10
		if !slices.Equal(got, slices.Concat(span(0, kept), span(100, 110))) || kept < 20 {
			t.Errorf("took %v", got)
		}
		if st := balance(t, s); st.Lost != uint64(points(span(kept, 100))) {
			t.Errorf("lost %d points, want %d", st.Lost, points(span(kept, 100)))
		}
	})
}

func TestOpensWhateverTheDisk(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "blocked")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Dir: filepath.Join(blocked, "spool")})
	if s.Stats().Fault == nil {
		t.Error("no fault is shown")
	}
	if err := s.Append(record(0)); err == nil {
		t.Error("a record was taken")
	}
	if _, err := s.Next(); err == nil {
		t.Error("Next succeeds")
	}
	balance(t, s)
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 0, 3)
	if got := take(t, s, all); !slices.Equal(got, span(0, 3)) {
		t.Errorf("took %v", got)
	}
	if st := balance(t, s); st.Fault != nil {
		t.Errorf("still %v", st.Fault)
	}
}

// If a file replaces the directory, the waiting records count as lost. The spool works again as soon as
// the directory is back.
func TestDirectoryReplacedByFile(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "spool")})
	fill(t, s, 0, 5)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	aside := s.cfg.Dir + ".aside"
	if err := os.Rename(s.cfg.Dir, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.cfg.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(record(5)); !errors.Is(err, fs.ErrExist) && !errors.Is(err, errNotDir) {
		t.Errorf("error %v", err)
	}
	if err := s.Advance(); err == nil {
		t.Error("Advance knows of no fault")
	}
	if st := balance(t, s); st.Points != 0 || st.Lost != uint64(points(span(1, 5))) {
		t.Errorf("%+v", st)
	}
	if err := os.Remove(s.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, s.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 5, 8) // the directory is back
	if got := take(t, s, all); !slices.Equal(got, span(1, 8)) {
		t.Errorf("took %v", got)
	}
	if st := balance(t, s); st.Recovered != uint64(points(span(1, 5))) {
		t.Errorf("recovered %d points", st.Recovered)
	}
}

// If a segment cannot be read, the spool retries for a while and then moves the segment aside. The
// segment must not block later segments forever.
func TestUnreadableSegment(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), MaxBytes: minMaxBytes})
	fill(t, s, 0, 100)
	first := segmentFiles(t, s.cfg.Dir)[0]
	if err := os.Rename(first, first+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(first, 0o700); err != nil { // a directory can be opened like a file, but not read
		t.Fatal(err)
	}
	for range readsBeforeGivingUp {
		if _, err := s.Next(); err == nil {
			t.Fatal("a record was read from a directory")
		}
		if st := balance(t, s); st.Lost != 0 {
			t.Fatal("lost before it was tried again")
		}
	}
	got := take(t, s, all)
	if want := span(100-len(got), 100); !slices.Equal(got, want) || len(got) == 100 || len(got) == 0 {
		t.Errorf("took %v", got)
	}
	if st := balance(t, s); st.Lost != uint64(points(span(0, 100-len(got)))) || st.Quarantined != 1 {
		t.Errorf("%+v", st)
	}
}
