package spool

import (
	"os"
	"strings"
)

// Stats counts the points of a spool since Open. At any time this equation holds:
//
//	Appended + Recovered = Advanced + Points + Dropped + Lost
type Stats struct {
	Records int   // undelivered records, including the record that Next has returned
	Points  int   // number of undelivered points
	Bytes   int64 // size of the segments on disk

	Appended  uint64 // number of points that were appended
	Recovered uint64 // number of points found when the directory was opened
	Advanced  uint64 // number of points that Advance has removed
	Dropped   uint64 // number of points that were dropped, oldest first, to free disk space
	Lost      uint64 // number of points whose records were damaged or removed after they were appended or recovered

	// Missing is the number of points that were damaged or whose files were missing when the directory
	// was opened. They do not count as recovered, so they are not part of the equation above.
	Missing uint64
	// Torn is the number of segments that ended inside a record when the directory was opened, after a
	// crash or a kill.
	Torn uint64
	// Damaged is the number of skipped bytes, except the bytes of torn records.
	Damaged uint64
	// Quarantined is the number of damaged segments that were moved to the quarantine folder.
	Quarantined uint64
	// SyncErrors is the number of syncs that have failed.
	SyncErrors uint64

	// Fault is the reason why the directory cannot be used. It is nil if the directory can be used.
	Fault error
}

// Bytes returns the total size of the segments in a directory. The directory need not be an open
// spool.
func Bytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // a directory that cannot be read counts as empty
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(entry.Name(), segmentSuffix) {
			n += info.Size()
		}
	}
	return n
}

// Stats returns the counts after the last method call. It never waits for the disk.
func (s *Spool) Stats() Stats { return *s.published.Load() }
