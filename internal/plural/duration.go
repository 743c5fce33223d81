package plural

import (
	"strconv"
	"strings"
	"time"
)

// Duration formats a duration for people: 40ms, 0.4s, 15.6s, 6m12s, 15m, 2h5m, 6d4h.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= time.Millisecond && d < 100*time.Millisecond {
		return d.Round(time.Millisecond).String()
	}
	switch d = max(d, 0).Round(100 * time.Millisecond); {
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
	case d < time.Hour:
		return trimmed(d.Round(time.Second))
	}
	d = d.Round(time.Minute)
	switch days, rest := d/day, d%day; {
	case days == 0:
		return trimmed(d)
	case rest == 0:
		return strconv.Itoa(int(days)) + "d"
	default:
		return strconv.Itoa(int(days)) + "d" + trimmed(rest)
	}
}

// trimmed formats a duration without zero parts at the end.
func trimmed(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
