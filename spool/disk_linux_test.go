package spool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

func TestDiskFull(t *testing.T) {
	disk := counterpart.SmallDisk(t)
	s := open(t, Config{Dir: filepath.Join(disk, "spool")})
	s.cfg.MaxBytes = segmentsAtLeast * 256 << 10 // the limit is larger than the disk
	i := 0
	for ; s.Stats().Dropped == 0; i++ { // each record has 330 bytes
		fill(t, s, i, i+1)
	}
	if st := balance(t, s); st.Bytes < 7<<20 {
		t.Errorf("points were dropped when %d bytes were used", st.Bytes)
	}
	fill(t, s, i, i+1000)
	i += 1000

	// Another file fills the disk.
	filler := filepath.Join(disk, "filler")
	hog, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = hog.Write(make([]byte, 4096))
	}
	closeFile(&hog)
	for range 1000 {
		if err := s.Append(record(i)); err == nil {
			i++
		} else if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	if st := balance(t, s); st.Points == 0 {
		t.Errorf("nothing is left: %+v", st)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	fill(t, s, i, i+10)
	i += 10
	left := s.Stats().Points
	crash(s)
	s = open(t, s.cfg) // after a restart, the spool contains only complete records
	if st := balance(t, s); st.Points != left || st.Torn+st.Damaged+st.Missing != 0 {
		t.Errorf("%d points were left, but %+v", left, st)
	}
	got := take(t, s, all)
	if want := span(i-len(got), i); !slices.Equal(got, want) {
		t.Errorf("took %d records, from %d to %d, want those up to %d", len(got), got[0], got[len(got)-1], i-1)
	}
	if st := balance(t, s); st.Damaged+st.Lost+st.Missing != 0 || st.Points != 0 {
		t.Errorf("%+v", st)
	}
}

func TestDiskReadOnly(t *testing.T) {
	disk := counterpart.SmallDisk(t)
	cfg := Config{Dir: filepath.Join(disk, "spool")}
	s := open(t, cfg)
	fill(t, s, 0, 20)
	crash(s)
	counterpart.Remount(t, disk, unix.MS_RDONLY)
	s = open(t, cfg) // restart while the disk is read-only
	if err := s.Append(record(20)); !errors.Is(err, unix.EROFS) {
		t.Errorf("error %v, want that the disk is read-only", err)
	}
	for i := range 5 { // the records can still be delivered
		r, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got := number(t, r); got != i {
			t.Errorf("record %d comes, want %d", got, i)
		}
		if err := s.Advance(); !errors.Is(err, unix.EROFS) {
			t.Errorf("error %v, want that the position could not be kept", err)
		}
	}
	balance(t, s)
	counterpart.Remount(t, disk, 0)
	if err := s.Close(); err != nil { // a restart keeps the position
		t.Fatal(err)
	}
	s = open(t, cfg)
	fill(t, s, 20, 25)
	if got := take(t, s, all); !slices.Equal(got, span(5, 25)) {
		t.Errorf("took %v", got)
	}
	balance(t, s)
}
