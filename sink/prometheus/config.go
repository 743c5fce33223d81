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

// Config configures the page.
type Config struct {
	// Addr is the "host:port" to listen on, for example 127.0.0.1:9102. Port 0 picks a free one.
	Addr string
	// Mapping is the path of a file of rules that map names. Without one, each name is a family.
	Mapping string
	// Tagged says that names have tags after the first semicolon.
	Tagged bool
	// Labels are added to all series.
	Labels map[string]string
	// MaxSeries and MaxFamilies limit the page, by default to 1,000,000 and 50,000. Further series are refused and
	// counted.
	MaxSeries, MaxFamilies int
	// TTL is the time after which a series without samples is removed. It is for names without a rule, and for rules
	// without a ttl. 0 (the default) means never.
	TTL time.Duration
	// DropUnmatched drops names that no rule matches.
	DropUnmatched bool
	// Own adds the daemon's own figures. Names that begin with statsd_ are then reserved.
	Own bool
}

var constantLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// Validate returns a *metric.FlagError with the key of the URL at fault.
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
	case c.MaxFamilies < 1 || c.MaxFamilies > most:
		return metric.FlagErrorf("max-families", nil, "must be between 1 and %d, not %d", most, c.MaxFamilies)
	}
	for name, value := range c.Labels {
		switch {
		case !constantLabel.MatchString(name) || strings.HasPrefix(name, "__") || name == "le" || name == "quantile":
			return metric.FlagErrorf("labels", nil, "must be names of letters, digits and _, and not le or quantile, not %q", name)
		case !utf8.ValidString(value) || value == "":
			return metric.FlagErrorf("labels", nil, "%s needs a value of valid UTF-8", name)
		}
	}
	return nil
}
