package meta

import (
	"strconv"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// spell formats a duration for people.
func spell(d time.Duration) string { return plural.Duration(d) }

// waiting describes how many points or rows wait.
func waiting(n uint64, unit string) string {
	return plural.Things(n, unit+" waits", unit+"s wait")
}

// percent formats a fraction as a percentage with two significant digits.
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

// rounded rounds a number to two significant digits.
func rounded(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 2, 64), 64)
	return r
}

func mebibytes(n int64) string { return grouped(float64(n >> 20)) }

// plain escapes a text from outside the daemon, so that it is one line of printable ASCII.
func plain(text string) string { return Escape([]byte(text)) }
