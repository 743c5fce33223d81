package load

import (
	"net"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// Config says where the windows are served, and how much history is kept.
type Config struct {
	// Addr is the "host:port" to listen at, and nowhere else: 127.0.0.1:8082. Port 0
	// picks a free one.
	Addr string
	// Minutes is how many complete minutes are kept, 60, besides the one that is not over:
	// the longest window.
	Minutes int
	// MaxBytes bounds the memory for the history, 256 MiB. Beyond it the oldest
	// minutes are forgotten. Besides, an eighth as much can be on its way from the flush,
	// and as much again be collected by the next.
	MaxBytes int
	// Prefix stands in front of each name, with a dot between them; none.
	Prefix string
}

const (
	maxMinutes = 24 * 60
	minBytes   = 1 << 20
)

// Validate says what is wrong with c. The error begins with the name of the setting, as
// in the URL of a sink.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return metric.FlagErrorf("host", nil, "%w", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return metric.FlagErrorf("port", nil, "want 0 to 65535, not %q", port)
	}
	switch {
	case c.Minutes < 1 || c.Minutes > maxMinutes:
		return metric.FlagErrorf("keep", nil, "want 1 to %d minutes, not %d", maxMinutes, c.Minutes)
	case c.MaxBytes < minBytes:
		return metric.FlagErrorf("max-bytes", nil, "want at least %d, not %d", minBytes, c.MaxBytes)
	case !metric.IsClean([]byte(c.Prefix)):
		return metric.FlagErrorf("prefix", nil, "want only A-Z a-z 0-9 _ - and dots between them, not %q", c.Prefix)
	}
	return nil
}
