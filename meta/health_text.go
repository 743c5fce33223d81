package meta

import (
	"strconv"
	"strings"
	"time"
)

// spell writes a duration for people: 40ms, 0.4s, 15.6s, 6m12s, 15m, 2h5m.
func spell(d time.Duration) string {
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

// trimmed writes a duration without zeros at its end.
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

func count(n uint64) string { return grouped(float64(n)) }

// things writes a number of things, with the right plural.
func things(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// were begins a sentence about a number of things, in the passive voice.
func were(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing + " was"
	}
	return count(n) + " " + thing + "s were"
}

// waiting writes how many points wait.
func waiting(n uint64) string {
	if n == 1 {
		return "1 point waits"
	}
	return count(n) + " points wait"
}

// percent writes a share with two significant digits.
func percent(part, of uint64) string {
	if of == 0 {
		return "0 %"
	}
	p := 100 * float64(part) / float64(of)
	if p >= 10 {
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
	return decimal(rounded(p)) + " %"
}

// rounded rounds to two significant digits.
func rounded(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 2, 64), 64)
	return r
}

func mebibytes(n int64) string { return grouped(float64(n >> 20)) }

// plain makes a text from outside fit on one line of printable ASCII.
func plain(text string) string { return Escape([]byte(text)) }
