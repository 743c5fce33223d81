package spool

import (
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Config configures a Spool.
type Config struct {
	// Dir is the directory of this spool alone. If it is missing, it is created for its owner only. It
	// is required.
	Dir string

	// MaxBytes bounds the segments on disk. Zero means 1 GiB, the minimum is 1088 KiB.
	// The smaller the spool, the sooner an outage loses the oldest points.
	MaxBytes int64

	// FsyncEvery is the longest time that a record is only in the kernel's memory. Zero means 1 s. With a shorter time
	// a crash of the machine loses less, but the disk has more work. A crash of the process alone loses nothing.
	FsyncEvery time.Duration
}

const (
	defaultMaxBytes   = 1 << 30
	minMaxBytes       = 1<<20 + 64<<10 // a payload of the daemon has up to 1 MiB, plus a header
	defaultFsyncEvery = time.Second

	// A full spool drops one segment at a time, so it must have many.
	segmentsAtLeast = 64
	maxSegmentBytes = 4 << 20
)

// Validate returns a *metric.FlagError if c is wrong.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return metric.FlagErrorf("--spool-dir", nil, "empty")
	case c.MaxBytes != 0 && c.MaxBytes < minMaxBytes:
		return metric.FlagErrorf("--spool-max-bytes", nil, "%d is less than 1088KiB", c.MaxBytes)
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
