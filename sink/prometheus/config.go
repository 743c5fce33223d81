package prometheus

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

// Config is the configuration of the page.
type Config struct {
	// Addr is the "host:port" to listen on, for example 127.0.0.1:9102. Port 0 selects a free port.
	Addr string
	// Mapping is the path of a file with rules that map names to families and labels. Without a mapping, each name
	// has its own family.
	Mapping string
	// Tagged means that names contain tags after the first semicolon.
	Tagged bool
	// Labels are added to all series.
	Labels map[string]string
	// MaxSeries and MaxFamilies are the limits for the page, by default 1,000,000 and 50,000. Names that need more
	// series or families are refused and counted.
	MaxSeries, MaxFamilies int
	// TTL is the time after which a series without samples is removed. It applies to names without a rule, and to
	// rules without a ttl. The default is 0, which means never.
	TTL time.Duration
	// DropUnmatched drops names that match no rule.
	DropUnmatched bool
	// Own adds the daemon's own metrics to the page. Other families must then not start with statsd_.
	Own bool
}

var constantLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// Validate returns a *metric.FlagError that names the invalid key of the sink's URL.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return metric.FlagErrorf("host", nil, "%w", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return metric.FlagErrorf("port", nil, "must be between 0 and 65535, not %q", port)
	}
	const most = 100_000_000
	switch {
	case c.MaxSeries < 1 || c.MaxSeries > most:
		return metric.FlagErrorf("max-series", nil, "must be between 1 and %d, not %d", most, c.MaxSeries)
	case c.TTL < 0:
		return metric.FlagErrorf("ttl", nil, "must not be below 0, not %v", c.TTL)
	case c.MaxFamilies < 1 || c.MaxFamilies > most:
		return metric.FlagErrorf("max-families", nil, "must be between 1 and %d, not %d", most, c.MaxFamilies)
	}
	for name, value := range c.Labels {
		switch {
		case !constantLabel.MatchString(name) || strings.HasPrefix(name, "__") || name == "le" || name == "quantile":
			return metric.FlagErrorf("labels", nil, "must be names of letters, digits and _, other than le and quantile, not %q", name)
		case !utf8.ValidString(value) || value == "":
			return metric.FlagErrorf("labels", nil, "%s needs a value of valid UTF-8", name)
		}
	}
	return nil
}
