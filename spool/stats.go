package spool

import (
	"os"
	"strings"
)

// Stats are the figures of a spool since Open. Points add up:
//
//	Appended + Recovered = Advanced + Points + Dropped + Lost
type Stats struct {
	Records int   // undelivered, with the one that Next returned
	Points  int   // in these
	Bytes   int64 // of the segments on disk

	Appended  uint64 // points
	Recovered uint64 // points found when the directory was opened
	Advanced  uint64 // points
	Dropped   uint64 // points, the oldest, to make room
	Lost      uint64 // points whose records were damaged or vanished since they were appended or recovered

	// Missing points were damaged, or their files gone, when the directory was
	// opened. They were never recovered, so they are no part of the sum.
	Missing uint64
	// Torn is how many segments ended within a record when the directory was
	// opened, as a killed process or a crash leaves them.
	Torn uint64
	// Damaged bytes were skipped, other than those of torn records.
	Damaged uint64
	// Quarantined segments had damage in them and were put aside.
	Quarantined uint64
	// SyncErrors is the number of syncs that failed.
	SyncErrors uint64

	// Fault is why the directory cannot be used, nil if it can.
	Fault error
}

// Bytes returns the size of the segments in a directory that may be a spool, open or not.
func Bytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // one that cannot be read has none
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(entry.Name(), segmentSuffix) {
			n += info.Size()
		}
	}
	return n
}

// Stats returns the figures as the last method left them. It never waits for
// the disk.
func (s *Spool) Stats() Stats { return *s.published.Load() }
