package spool

import (
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Config configures a Spool.
type Config struct {
	// Dir is the directory of the spool. Nothing else may use it. If the directory is missing, it is
	// created with access for its owner only. Dir is required.
	Dir string

	// MaxBytes limits the total size of the segments on disk. Zero means 1 GiB. The minimum is 1088
	// KiB. In an outage, a small spool loses the oldest points sooner than a large one.
	MaxBytes int64

	// FsyncEvery is the longest time in which a record is only in the kernel's memory. Zero means 1 s.
	// A shorter time reduces the loss at a crash of the machine, but causes more disk writes. A crash
	// of only the process loses nothing.
	FsyncEvery time.Duration
}

const (
	defaultMaxBytes   = 1 << 30
	minMaxBytes       = 1<<20 + 64<<10 // room for the largest record of the daemon: a payload of 1 MiB, and a header
	defaultFsyncEvery = time.Second

	// A full spool drops a whole segment to free disk space. With many small segments, it loses only a
	// small part of its records.
	segmentsAtLeast = 64
	maxSegmentBytes = 4 << 20
)

// Validate returns a *metric.FlagError if a value is out of range.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return metric.FlagErrorf("--spool-dir", nil, "empty")
	case c.MaxBytes != 0 && c.MaxBytes < minMaxBytes:
		return metric.FlagErrorf("--spool-max-bytes", nil, "must be at least 1088KiB, not %d bytes", c.MaxBytes)
	case c.FsyncEvery < 0:
		return metric.FlagErrorf("--spool-fsync", nil, "%v is negative", c.FsyncEvery)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.FsyncEvery == 0 {
		c.FsyncEvery = defaultFsyncEvery
	}
	return c
}
