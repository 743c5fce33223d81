package corpus

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// This is a second implementation of the rules in docs/lines.md. It is as simple as possible, and
// shares no code with the parser.
var (
	whiteSpace = regexp.MustCompile(`^[ \t\v\f\r]*$`)
	decimal    = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	typed      = regexp.MustCompile(`^[^|]*\|(?:c|m|g|ms|h|d|s)(?:[|]|$|:[^|]*\|(?:c|m|g|ms|h|d|s)(?:[|:]|$))`)
	letters    = regexp.MustCompile(`^([A-Za-z]+):`)
)

// script matches white space and numbers in JavaScript's syntax.
var (
	scriptSpace = `[ \t\v\f\r\x{a0}\x{feff}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]*`
	around      = regexp.MustCompile(`^` + scriptSpace + `|` + scriptSpace + `$`)
	integer     = regexp.MustCompile(`^0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)$`)
)

func trimmed(s string) string { return around.ReplaceAllString(s, "") }

// scriptNumber converts a text to a number as JavaScript does. The text must not be empty. It
// returns false if the text is not a number.
func scriptNumber(text string) (v float64, ok bool) {
	t := trimmed(text)
	switch {
	case text == "":
		return 0, false
	case t == "":
		return 0, true
	case integer.MatchString(t):
		n, _ := new(big.Int).SetString(t, 0)
		v, _ = new(big.Float).SetInt(n).Float64()
		return v, true
	case decimal.MatchString(t), strings.TrimLeft(t[:1], "+-")+t[1:] == "Infinity":
		v, _ = strconv.ParseFloat(t, 64)
		return v, true
	}
	return 0, false
}

var kinds = map[string]metric.Kind{"c": metric.Counter, "m": metric.Counter, "g": metric.Gauge, "ms": metric.Timer, "h": metric.Timer, "d": metric.Timer, "s": metric.Set}

// rules are the rules of one dialect: the reference dialect or Etsy's dialect.
type rules struct{ etsy bool }

// items applies the rules to a line, and returns the resulting items as text.
func (r rules) items(line string) (items []string) {
	line = strings.TrimSuffix(line, "\r")
	if whiteSpace.MatchString(line) {
		return nil
	}
	if strings.HasPrefix(line, "_e{") || strings.HasPrefix(line, "_sc|") {
		return []string{"event"}
	}
	name, rest, more := strings.Cut(line, ":")
	if !more {
		return []string{"no_value"}
	}
	for more {
		var values []string
		var kind, rate string
		values, kind, rate, rest, more = r.cutGroup(rest)
		for _, v := range values {
			items = append(items, r.value(name, v, kind, rate))
		}
	}
	return items
}

// cutGroup cuts the first group off a line. A group consists of one or more values, their type and their rate. kind is
// "" if the group has no type. rate is "1" if the group has no rate.
func (r rules) cutGroup(s string) (values []string, kind, rate, rest string, more bool) {
	value, s, found := strings.Cut(s, "|")
	if !found {
		return []string{value}, "", "1", "", false
	}
	end := strings.IndexAny(s+"|", "|:")
	kind, s = r.kind(s[:end]), s[end:]
	if values = strings.Split(value, ":"); kind == "s" {
		values = []string{value}
	}
	var rates []string
	colonEnds := true
	for s != "" && !more {
		if rest, more = strings.CutPrefix(s, ":"); more {
			break
		}
		s = s[1:]
		colonEnds = colonEnds && !isSection(s)
		stop := "|"
		if colonEnds {
			stop = "|:"
		}
		end := strings.IndexAny(s+"|", stop)
		if text, ok := strings.CutPrefix(r.trim(s[:end]), "@"); ok {
			rates = append(rates, text)
		}
		s = s[end:]
	}
	return values, kind, r.rateThatCounts(rates), rest, more
}

func (r rules) trim(s string) string {
	if r.etsy {
		return trimmed(s)
	}
	return s
}

func (r rules) kind(text string) string {
	if _, known := kinds[text]; known || !r.etsy || strings.HasPrefix(text, "#") {
		return text
	}
	if text = trimmed(text); kinds[text] == metric.Counter {
		return "c" // Etsy's statsd treats all unknown types as counters
	}
	return text
}

// rateThatCounts returns the rate that applies if there are several. For Etsy's statsd it is the
// first rate. For the reference dialect it is the first bad rate, or the last rate if all are good.
func (r rules) rateThatCounts(rates []string) string {
	rate := "1"
	for i, text := range rates {
		if i == 0 || !r.etsy && r.rate(rate) > 0 {
			rate = text
		}
	}
	return rate
}

// rate parses a rate. It returns 0 if the rate is bad.
func (r rules) rate(text string) float64 {
	v, ok := r.number(text)
	if !ok || v <= 0 || v > 1 && !r.etsy || math.IsInf(1/v, 0) {
		return 0
	}
	return v
}

func (r rules) number(text string) (v float64, ok bool) {
	if r.etsy {
		v, ok = scriptNumber(text)
	} else if ok = decimal.MatchString(text); ok {
		v, _ = strconv.ParseFloat(text, 64)
	}
	return v, ok && !math.IsInf(v, 0)
}

func (r rules) value(name, v, kind, rate string) string {
	k, known := kinds[kind]
	weight := 1.0
	if v == "" && kind == "s" && r.etsy {
		v = "0"
	}
	switch {
	case v == "":
		return "no_value"
	case !known:
		return "bad_type"
	case k == metric.Set:
		return fmt.Sprintf("%q s %q", name, v)
	case k != metric.Gauge:
		if weight = 1 / r.rate(rate); math.IsInf(weight, 0) {
			return "bad_rate"
		}
	}
	n, ok := r.number(v)
	if !ok || math.IsInf(n*weight, 0) {
		return "bad_value"
	}
	adjusts := k == metric.Gauge && strings.ContainsAny(v[:1], "+-")
	return fmt.Sprintf("%q %v %v x%v %v", name, k, n, weight, adjusts)
}

// isSection reports whether s starts with a section that may contain colons.
func isSection(s string) bool {
	if strings.HasPrefix(s, "#") || strings.HasPrefix(s, "T") {
		return true
	}
	m := letters.FindStringSubmatch(s)
	return m != nil && (m[1] == "c" || m[1] == "e" || m[1] == "card" || !typed.MatchString(s[len(m[0]):]))
}

// parsed parses a line with the parser, and returns the items in the same format as rules.items.
func parsed(p *wire.Parser, line string) (items []string) {
	var s metric.Sample
	p.Reset([]byte(line))
	for item := p.Next(&s); item != wire.End; item = p.Next(&s) {
		switch {
		case item == wire.Event:
			items = append(items, "event")
		case item == wire.Discard:
			items = append(items, p.Reason().String())
		case s.Kind == metric.Set:
			items = append(items, fmt.Sprintf("%q s %q", s.Name, s.Member))
		default:
			items = append(items, fmt.Sprintf("%q %v %v x%v %v", s.Name, s.Kind, s.Value, s.Weight, s.Delta))
		}
	}
	return items
}

// TestSoakRules compares the parser with this implementation of the rules, for all lines of the
// corpus.
func TestSoakRules(t *testing.T) {
	all, wrong := Lines(soak.Pick(soak.Times(20_000), 100_000)), 0
	for dialect, r := range map[metric.Dialect]rules{metric.Reference: {}, metric.Etsy: {etsy: true}} {
		p := wire.Parser{Dialect: dialect}
		good := 0
		for _, line := range all {
			want, got := r.items(line), parsed(&p, line)
			if !slices.Equal(got, want) {
				wrong++
				t.Errorf("dialect %d: %q\n gives %q\n  want %q", dialect, line, got, want)
			}
			if strings.HasPrefix(strings.Join(want, " "), `"`) {
				good++
			}
		}
		if good < len(all)/4 {
			t.Errorf("dialect %d: only %d lines begin with a good sample", dialect, good)
		}
	}
	soak.Row(t, fmt.Sprintf("%d odd lines, beside the rules written down a second time", len(all)), fmt.Sprintf("%d differences", wrong), "0")
}
