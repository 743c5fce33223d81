package load

import (
	"net"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// Config configures the HTTP address and the amount of history.
type Config struct {
	// Addr is the "host:port" to listen on, for example 127.0.0.1:8082. Port 0 selects a free port.
	Addr string
	// Minutes is the number of complete minutes in the history, and the longest window. The default is 60. The
	// history also contains the current minute.
	Minutes int
	// MaxBytes limits the memory of the history. The default is 256 MiB. Above the limit, the oldest minutes are
	// removed. The flush also needs two batches, each with up to an eighth of MaxBytes, which are not part of the
	// limit.
	MaxBytes int
	// Prefix is added before each name, with a dot between them. It is empty by default.
	Prefix string
}

const (
	maxMinutes = 24 * 60
	minBytes   = 1 << 20
)

// Validate returns a *metric.FlagError that names the invalid key of the sink's URL.
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
		return metric.FlagErrorf("max-bytes", nil, "must be at least %d bytes, not %d", minBytes, c.MaxBytes)
	case !metric.IsClean([]byte(c.Prefix)):
		return metric.FlagErrorf("prefix", nil, "may contain only A-Z, a-z, 0-9, _, - and dots, not %q", c.Prefix)
	}
	return nil
}
