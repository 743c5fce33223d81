package spool

import (
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Config says where the spool is and how large it may become.
type Config struct {
	// Dir is the spool's own directory, one a sink. It is made if it is not
	// there, readable to its owner only. There is no default.
	Dir string

	// MaxBytes bounds the segments on disk. Zero means 1 GiB, the minimum is 1088 KiB.
	// With a smaller one a shorter outage costs the oldest points.
	MaxBytes int64

	// FsyncEvery is how long a record may be in the kernel's memory only. Zero means
	// 1 s. A shorter one loses less in a crash of the machine and makes the disk
	// busier. It does not matter when only the process dies.
	FsyncEvery time.Duration
}

const (
	defaultMaxBytes   = 1 << 30
	minMaxBytes       = 1<<20 + 64<<10 // a payload of the daemon has up to 1 MiB, and needs a header
	defaultFsyncEvery = time.Second

	// A full spool loses a segment at a time, so it has a number of them.
	segmentsAtLeast = 64
	maxSegmentBytes = 4 << 20
)

// Validate says what is wrong with c in the words of the daemon's flags.
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
