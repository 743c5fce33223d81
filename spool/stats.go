package spool

import (
	"os"
	"strings"
)

// Stats counts the points of a spool since Open. They add up:
//
//	Appended + Recovered = Advanced + Points + Dropped + Lost
type Stats struct {
	Records int   // undelivered, including the one that Next returned
	Points  int   // points in Records
	Bytes   int64 // of the segments on disk

	Appended  uint64 // points
	Recovered uint64 // points found when the directory was opened
	Advanced  uint64 // points
	Dropped   uint64 // oldest points, dropped to make room
	Lost      uint64 // points whose records were damaged or vanished after they were appended or recovered

	// Missing counts points that were damaged or whose files were gone when the directory was opened.
	// They were never recovered, so they are not part of the sum.
	Missing uint64
	// Torn counts segments that ended inside a record when the directory was opened, after a kill or a
	// crash.
	Torn uint64
	// Damaged counts skipped bytes, except in torn records.
	Damaged uint64
	// Quarantined counts damaged segments, which were moved aside.
	Quarantined uint64
	// SyncErrors is the number of syncs that failed.
	SyncErrors uint64

	// Fault is the error because of which the directory cannot be used; nil if it can be used.
	Fault error
}

// Bytes returns the size of the segments in a directory that may be a spool, open or not.
func Bytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // an unreadable directory has no entries
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(entry.Name(), segmentSuffix) {
			n += info.Size()
		}
	}
	return n
}

// Stats returns the state after the last method. It never waits for the disk.
func (s *Spool) Stats() Stats { return *s.published.Load() }
