package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// shorten removes the middle of a text that is longer than width: checkout.sess..7f3a.ms.
func shorten(text string, width int) string {
	if len(text) <= width {
		return text
	}
	if width < 4 {
		return text[:max(width, 0)]
	}
	head := (width - 1) / 2
	return text[:head] + ".." + text[len(text)-(width-2-head):]
}

// unquoted removes the quotes around a text. It keeps them if the text starts or ends with a space, which would
// be invisible.
func unquoted(text string) string {
	inner, ok := strings.CutPrefix(text, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if !ok || !closed || inner == "" || inner != strings.TrimSpace(inner) {
		return text
	}
	return inner
}

func pad(text string, width int) string { return text + strings.Repeat(" ", max(width-len(text), 0)) }

// wrap splits text into lines of at most width characters. It breaks words that are longer than a line.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		for len(word) > width {
			lines, word = append(lines, word[:width]), word[width:]
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// count formats a whole number with thousands separators.
func count[N int | uint64](n N) string {
	if n < 0 {
		return "-" + plural.Count(uint64(-int64(n)))
	}
	return plural.Count(uint64(n))
}

// signed formats a difference with its sign.
func signed(n int) string {
	if n > 0 {
		return "+" + count(n)
	}
	return count(n)
}

// rate formats a rate: 172,140, 10.5, 0.021, 0.
func rate(f float64) string { return decimal(f, 2) }

// number formats a value with at least four significant digits. A missing value is formatted as "-".
func number(n question.Number) string { return decimal(float64(n), 4) }

// decimal formats a number with thousands separators. The parameter digits is the minimum number of significant digits.
// Zeros at the end are removed.
func decimal(f float64, digits int) string {
	switch size := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "-"
	case size >= 1e15, size > 0 && size < 1e-6:
		return strconv.FormatFloat(f, 'g', digits, 64)
	case size > 0:
		digits = max(digits-1-int(math.Floor(math.Log10(size))), 0)
		if size < 100 {
			digits = max(digits, 1)
		}
	}
	text := strconv.FormatFloat(f, 'f', digits, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	whole, negative := strings.CutPrefix(whole, "-")
	if whole = plural.Group(whole); fraction != "" {
		whole += "." + fraction
	}
	if negative && strings.Trim(whole, "0.") != "" {
		whole = "-" + whole
	}
	return whole
}

// percent formats a fraction as a percentage.
func percent(share float64) string {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return "-"
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + "%"
}

// memory formats a number of bytes with three digits: 412 MB.
func memory(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 999.5 {
			return scaled(n) + " " + unit
		}
		n /= 1000
	}
	return scaled(n) + " TB"
}

func scaled(n float64) string {
	if n < 9.95 && n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

// mebibytes formats how full a store is: 3 of 64 MiB.
func mebibytes(s question.Store) string {
	return count(s.Bytes>>20) + " of " + count(s.MaxBytes>>20) + " MiB"
}

// seconds converts a number of seconds to a duration.
func seconds(f float64) time.Duration {
	if limit := time.Duration(math.MaxInt64).Seconds() / 2; math.IsNaN(f) || f < 0 || f > limit {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// lasting formats a duration, rounded to seconds.
func lasting(d time.Duration) string { return plural.Duration(d.Round(time.Second)) }

// brief formats a short duration: 1.9 ms, 404 ms, 1.2 s.
func brief(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "-"
	case f < 0.9995:
		return decimal(1000*f, 2) + " ms"
	}
	return decimal(f, 2) + " s"
}

// ago formats how long ago t was.
func (p *Page) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return p.since(t) + " ago"
}

// since formats how much time has passed since t.
func (p *Page) since(t time.Time) string { return lasting(p.Now.Sub(t)) }

// clock formats a time of day. It adds the date if t is not today.
func (p *Page) clock(t time.Time) string { return p.stamp(t, time.TimeOnly) }

// minute formats a time of day without seconds. It adds the date if t is not today.
func (p *Page) minute(t time.Time) string { return p.stamp(t, "15:04") }

func (p *Page) stamp(t time.Time, layout string) string {
	if t.IsZero() {
		return "-"
	}
	t, now := t.In(p.Zone), p.Now.In(p.Zone)
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return t.Format("2006-01-02 15:04")
	}
	return t.Format(layout)
}

// looked formats the fraction of the traffic that was examined for an answer.
func looked(a question.Answer) string {
	l := a.LookedAt
	if l == nil {
		return "all looked at"
	}
	text := strconv.FormatFloat(l.Seconds, 'f', 1, 64) + "s, "
	if l.Every <= 1 {
		return text + "all " + plural.Things(l.Of, "sample", "samples") + " looked at"
	}
	return fmt.Sprintf("%s1 batch in %s, %s of %s samples looked at", text, count(l.Every), count(l.Seen), count(l.Of))
}
