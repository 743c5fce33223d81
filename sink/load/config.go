package load

import (
	"net"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// Config configures where windows are served and how much history is kept.
type Config struct {
	// Addr is the "host:port" to listen on, for example 127.0.0.1:8082. Port 0 picks a free one.
	Addr string
	// Minutes is the number of complete minutes to keep, by default 60. It is also the longest window.
	// The current minute is kept in addition.
	Minutes int
	// MaxBytes limits the memory of the history, by default to 256 MiB. Above it the oldest minutes
	// are forgotten. Two batches for the flush need extra memory, each an eighth of MaxBytes.
	MaxBytes int
	// Prefix is put in front of each name, with a dot between. It is empty by default.
	Prefix string
}

const (
	maxMinutes = 24 * 60
	minBytes   = 1 << 20
)

// Validate returns a *metric.FlagError with the key of the URL at fault.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return metric.FlagErrorf("host", nil, "%w", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return metric.FlagErrorf("port", nil, "must be between 0 and 65535, not %q", port)
	}
	switch {
	case c.Minutes < 1 || c.Minutes > maxMinutes:
		return metric.FlagErrorf("keep", nil, "must be between 1 and %d minutes, not %d", maxMinutes, c.Minutes)
	case c.MaxBytes < minBytes:
		return metric.FlagErrorf("max-bytes", nil, "must be at least %d, not %d", minBytes, c.MaxBytes)
	case !metric.IsClean([]byte(c.Prefix)):
		return metric.FlagErrorf("prefix", nil, "must consist of A-Z a-z 0-9 _ - and dots between them, not %q", c.Prefix)
	}
	return nil
}
