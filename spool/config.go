package spool

import (
	"errors"
	"fmt"
	"time"
)

// Config says where the spool is and how large it may become.
type Config struct {
	// Dir is the spool's own directory, one a sink. It is made if it is not
	// there, readable to its owner only. There is no default.
	Dir string

	// MaxBytes bounds the segments on disk. Zero means 1 GiB, the least is 1 MiB.
	// With a smaller one a shorter outage costs the oldest points.
	MaxBytes int64

	// FsyncEvery is how long a record may be in the kernel's memory only. Zero means
	// 1 s. A shorter one loses less in a crash of the machine and makes the disk
	// busier. It does not matter when only the process dies.
	FsyncEvery time.Duration
}

const (
	defaultMaxBytes   = 1 << 30
	leastMaxBytes     = 1 << 20
	defaultFsyncEvery = time.Second

	// A full spool loses a segment at a time, so it has a number of them.
	segmentsAtLeast = 64
	maxSegmentBytes = 4 << 20
)

// Validate says what is wrong with c in the words of the daemon's flags.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("--spool-dir: empty")
	case c.MaxBytes != 0 && c.MaxBytes < leastMaxBytes:
		return fmt.Errorf("--spool-max-bytes: %d is less than %d (1MiB)", c.MaxBytes, leastMaxBytes)
	case c.FsyncEvery < 0:
		return fmt.Errorf("--spool-fsync: %v is negative", c.FsyncEvery)
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
