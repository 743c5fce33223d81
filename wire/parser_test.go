package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// items parses input, and returns the items as text: "a c 1" is a counter with the name a and the
// value 1, "a c 1 x10" also has the weight 10.
func items(p *Parser, input string) string {
	var out []string
	var s metric.Sample
	p.Reset([]byte(input))
	for item := p.Next(&s); item != End; item = p.Next(&s) {
		switch item {
		case Sample:
			out = append(out, describe(s))
		case Discard:
			out = append(out, "!"+p.Reason().String())
		case Event:
			out = append(out, "event")
		}
	}
	return strings.Join(out, ", ")
}

func describe(s metric.Sample) string {
	letter := [metric.Kinds]string{"c", "g", "ms", "s"}[s.Kind]
	if s.Kind == metric.Timer && !s.Millis {
		letter = "h"
	}
	text := fmt.Sprintf("%s %s %v", s.Name, letter, s.Value)
	if s.Kind == metric.Set {
		text = fmt.Sprintf("%s s %q", s.Name, s.Member)
	}
	if s.Delta {
		text = fmt.Sprintf("%s g %+g", s.Name, s.Value)
	}
	if s.Weight != 1 {
		text += fmt.Sprintf(" x%v", s.Weight)
	}
	if s.TagsDropped {
		text += " -tags"
	}
	return text
}

var lineTests = []struct{ why, in, want string }{
	{"counter", "a:1|c", "a c 1"},
	{"meter", "a:3|m", "a c 3"},
	{"gauge", "a:3|g", "a g 3"},
	{"timer", "a:320|ms", "a ms 320"},
	{"histogram, distribution", "a:4|h\na:5|d", "a h 4, a h 5"},
	{"set", "a:v|s", `a s "v"`},

	{"newline at the end", "a:1|c\n", "a c 1"},
	{"batch", "a:1|c\nb:2|c", "a c 1, b c 2"},
	{"carriage returns", "a:1|c\r\nb:2|ms\r\n\r\n", "a c 1, b ms 2"},
	{"blank lines, white space only", "\n\na:1|c\n \t\v\f\n\n", "a c 1"},
	{"nothing", "", ""},
	{"one bad line costs no neighbour", "a:1|c\nrubbish\nb:2|c", "a c 1, !no_value, b c 2"},

	{"fraction", "a:1.5|c", "a c 1.5"},
	{"signs", "a:-3|c\na:+3|ms", "a c -3, a ms 3"},
	{"point at either end", "a:.5|c\na:5.|c", "a c 0.5, a c 5"},
	{"exponents", "a:1e+21|ms\na:1e-7|ms\na:2E3|c", "a ms 1e+21, a ms 1e-07, a c 2000"},
	{"sixteen digits", "a:1234567890123456|c", "a c 1.234567890123456e+15"},
	{"19-digit fraction", "a:0.0040531158447265625|ms", "a ms 0.0040531158447265625"},
	{"no value", "a:|c", "!no_value"},
	{"no colon", "a|c", "!no_value"},
	{"name only", "a", "!no_value"},
	{"words", "a:x|c\na:nan|c\na:inf|g\na:-Infinity|ms\na:0x10|c\na:1_000|c", "!bad_value, !bad_value, !bad_value, !bad_value, !bad_value, !bad_value"},
	{"incomplete numbers", "a:-|c\na:.|c\na:1e|c\na:1e+|c\na:1.2.3|c\na:--1|c\na:1 |c", "!bad_value, !bad_value, !bad_value, !bad_value, !bad_value, !bad_value, !bad_value"},
	{"beyond float64", "a:1e309|c\na:1e308|c|@0.01", "!bad_value, !bad_value"},
	{"too small for float64", "a:1e-999|c", "a c 0"},

	{"gauge adjusted", "a:+4|g\na:-10|g", "a g +4, a g -10"},
	{"gauge set below zero", "a:0|g\na:-7|g", "a g 0, a g -7"},

	{"rate", "a:1|c|@0.1\na:320|ms|@0.5\na:1|c|@1", "a c 1 x10, a ms 320 x2, a c 1"},
	{"rate with zeros at the end", "a:1|c|@0.100000", "a c 1 x10"},
	{"bad rates", "a:1|c|@0\na:1|c|@-1\na:1|c|@1.1\na:1|c|@\na:1|c|@x\na:1|c|@nan\na:1|c|@1e-320", "!bad_rate, !bad_rate, !bad_rate, !bad_rate, !bad_rate, !bad_rate, !bad_rate"},
	{"rate of a gauge or set is ignored", "a:3|g|@0.5\na:v|s|@0.1\na:3|g|@x", `a g 3, a s "v", a g 3`},

	{"no type", "a:1", "!bad_type"},
	{"empty type", "a:1|", "!bad_type"},
	{"unknown types", "a:1|zz\na:1|C\na:1|c \na:1|sli|3", "!bad_type, !bad_type, !bad_type, !bad_type"},

	{"several values", "a:1|c:2|c", "a c 1, a c 2"},
	{"several types", "a:1|c:2|ms|@0.5:3|g", "a c 1, a ms 2 x2, a g 3"},
	{"a bad one among several", "a:1|c:x|c:3|c", "a c 1, !bad_value, a c 3"},
	{"packed", "a:1:2:3|ms|@0.5", "a ms 1 x2, a ms 2 x2, a ms 3 x2"},
	{"packed with tags", "h:0.5:1.5:2.5|h|#g:1", "h h 0.5 -tags, h h 1.5 -tags, h h 2.5 -tags"},
	{"packed, bad ones", "a:1:x::4|ms", "a ms 1, !bad_value, !no_value, a ms 4"},
	{"packed, bad for all", "a:1:2|zz\na:1:2|c|@2", "!bad_type, !bad_type, !bad_rate, !bad_rate"},
	{"packed, then another group", "a:1:2|c:3:4|ms", "a c 1, a c 2, a ms 3, a ms 4"},
	{"colon at the end", "a:1|c:", "a c 1, !no_value"},
	{"a set's member has colons", "u:2001:db8::1|s", `u s "2001:db8::1"`},
	{"a member behind a group", "u:1|c:2001:db8::1|s", `u c 1, u s "2001:db8::1"`},
	{"sets in a row", "u:a|s:b|s", `u s "a", u s "b"`},
	{"empty member", "u:|s", "!no_value"},

	{"tags", "a:1|c|#k:v,k2:v2", "a c 1 -tags"},
	{"rate, then tags", "a:1|c|@0.5|#k:v", "a c 1 x2 -tags"},
	{"tags, then rate", "a:1|c|#k:v|@0.5", "a c 1 x2 -tags"},
	{"no tags in the section", "a:1|c|#", "a c 1"},
	{"container id", "a:1|c|c:abc", "a c 1"},
	{"timestamp, tags", "a:1|g|T1640995200|#a:b", "a g 1 -tags"},
	{"tags, timestamp", "a:1|g|#a:b|T1640995200", "a g 1 -tags"},
	{"no value starts after tags", "a:1|c|#k:v|x:5|c", "a c 1 -tags"},
	{"unknown and empty sections", "a:1|c|zz|\na:1|c||", "a c 1, a c 1"},
	{"container and inode id", "a:1|c|c:ci-83c0a99c\na:1|c|c:in-4026\na:1|c|c:ci-83c0,in-4026", "a c 1, a c 1, a c 1"},
	{"external data", "a:1|c|e:it-false,cn-web,pu-75a2-0d\na:1|c|e:it:false,cn-w:b", "a c 1, a c 1"},
	{"cardinality", "a:1|c|card:low\na:1|c|c:abc|card:low\na:1|c|card:", "a c 1, a c 1, a c 1"},
	{"known sections own their colons", "a:1|c|c:2|c\na:1|c|e:2|c\na:1|c|card:2|c\na:1|c|#k:2|c\na:1|c|T1:2|c", "a c 1, a c 1, a c 1, a c 1 -tags, a c 1"},
	{"all sections, in several orders", "a:1|c|@0.5|#k:v|c:ci-1|T1|e:it-false|card:none\na:1|c|card:none|e:cn-x|T1|c:in-1|#k:v|@0.5", "a c 1 x2 -tags, a c 1 x2 -tags"},
	{"packed values share them", "a:1:2|d|e:it-false,cn-web|T1|card:high", "a h 1, a h 2"},
	{"sets have them too", "a:u|s|e:it-false|card:low", `a s "u"`},
	{"unknown sections with letters", "a:1|c|zz:foo\na:1|c|Zz:\na:1|c|zz:a:b,c-d|#k:v", "a c 1, a c 1, a c 1 -tags"},
	{"an unknown section before a known one", "a:1|c|zz:foo|c:ci-1\na:1|c|zz:5|c:ci-1\na:1|g|zz:5|c:|e:x", "a c 1, a c 1, a g 1"},
	{"the last of two rates counts", "a:1|c|@0.5|@0.1\na:1|c|@0.5|@x", "a c 1 x10, !bad_rate"},
	{"no value starts after a section with letters", "a:1|c|zz:foo|x:2|c", "a c 1"},
	{"an unknown section's colon starts a value with a type", "a:1|c|x:2|c\na:1|c|x:2:3|ms|@0.5\na:1|c|x:2|c:3|c\na:1|c|x:u|s", `a c 1, a c 2, a c 1, a ms 2 x2, a ms 3 x2, a c 1, a c 2, a c 3, a c 1, a s "u"`},
	{"a section of other bytes ends at its colon", "a:1|c|x-1:foo\na:1|c|x-1:2|c", "a c 1, !bad_type, a c 1, a c 2"},

	{"event and service check", "_e{5,4}:title|text\n_sc|name|0|m:x\na:1|c", "event, event, a c 1"},
	{"a name with an underscore in front", "_x:1|c\n_e:1|c", "_x c 1, _e c 1"},

	{"names are left as they are", "a b/c!:1|c\n\xff:1|c", "a b/c! c 1, \xff c 1"},
	{"empty name", ":1|c", " c 1"},
	{"control bytes", "a\x00b:1|c\x00", "!bad_type"},
}

func TestParser(t *testing.T) {
	for _, tt := range lineTests {
		if got := items(new(Parser), tt.in); got != tt.want {
			t.Errorf("%s: %q\n gives %s\n  want %s", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestParserAbsoluteSigns(t *testing.T) {
	p := Parser{AbsoluteSigns: true}
	if got, want := items(&p, "a:+4|g\na:-10|g\na:5|g"), "a g 4, a g -10, a g 5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// In gstatsd's dialect an empty value before a type is valid.
func TestParserGstatsd(t *testing.T) {
	p := Parser{Dialect: metric.Gstatsd}
	for _, tt := range []struct{ in, want string }{
		{"a:|c", "a c 1"},
		{"a:|c|@0.5", "a c 1 x2"},
		{"a:|g\na:|ms", "a g 1, a ms 0"},
		{"a:|c:|c", "a c 1, a c 1"},
		{"a:1:|c", "a c 1, a c 1"},
		{"a::2|c", "!no_value, a c 2"},
		{"u:|s", "!no_value"},
		{"a:|x", "!bad_type"},
		{"a:|c|@2", "!bad_rate"},
		{"a:\na:1|c:", "!bad_type, a c 1, !bad_type"},
		{"a:5|c\na:x|c", "a c 5, !bad_value"},
	} {
		if got := items(&p, tt.in); got != tt.want {
			t.Errorf("%q\n gives %s\n  want %s", tt.in, got, tt.want)
		}
	}
}

// If a part of a line has several values and one timestamp, the timestamp is counted once for each
// good value.
func TestParserTimestamps(t *testing.T) {
	var p Parser
	for in, want := range map[string]int{
		"a:1|c|T1640995200": 1, "a:1:2:x|ms|#k:v|T1": 2, "a:1|c|T1:2|c\na:u|s|T1|T2": 2, "a:x|c|T1": 0,
		"a:1|c:2|c|T1": 1, "a:1|c\n_e{1,1}:a|b|d:1": 0, "a:1|T1": 0, "a:T1|s": 0,
	} {
		if items(&p, in); p.Timestamps() != want {
			t.Errorf("%q: Timestamps() = %d, want %d", in, p.Timestamps(), want)
		}
	}
}

func TestParserLines(t *testing.T) {
	var p Parser
	if items(&p, "a:1|c:2|c\n\nbad\n \n_sc|x|0\nb:1:2|ms\n"); p.Lines() != 4 {
		t.Errorf("Lines() = %d, want 4: blank lines do not count, and a line with several values is one", p.Lines())
	}
	if items(&p, "a:1|c"); p.Lines() != 1 {
		t.Errorf("Lines() = %d after Reset, want 1", p.Lines())
	}
}

func TestParserLine(t *testing.T) {
	var p Parser
	var s metric.Sample
	p.Reset([]byte("good:1|c\r\nbad:x|c\r\n"))
	for _, want := range []string{"good:1|c", "bad:x|c"} {
		if p.Next(&s); string(p.Line()) != want {
			t.Errorf("Line() = %q, want %q", p.Line(), want)
		}
	}
}

// The method At returns the index of the bad value, type or rate.
func TestParserAt(t *testing.T) {
	for line, want := range map[string]int{
		"php.err:1,5|ms":         8,
		"orders.total:NaN|g":     13,
		"nothing":                7,
		"a:|c":                   2,
		"a:1|x":                  4,
		"a:1":                    3,
		"a:1|":                   4,
		"a:1|c|@2":               7,
		"a:1|c|#k:v|@zero":       12,
		"a:1:2:x:3|c":            6,
		"a:1|c:x|c":              6,
		"a:1|c:1|c:2|y":          12,
		"good:1|c\na.b:x|c\r\nc": 4,
	} {
		p := Parser{}
		p.Reset([]byte(line)[:len(line):len(line)])
		var s metric.Sample
		for item := p.Next(&s); item != Discard; item = p.Next(&s) {
			if item == End {
				t.Fatalf("%q is not bad", line)
			}
		}
		if p.At() != want {
			t.Errorf("%q is bad at %d, want %d", line, p.At(), want)
		}
	}
	p := Parser{Tagger: NewTagger(metric.GraphiteTags, 0, metric.Reference)}
	p.Reset(append([]byte("x:1|c\na;k=v:1|c|#b:c|@7"), make([]byte, 100)...)[:24])
	var s metric.Sample
	if p.Next(&s) != Sample || p.Next(&s) != Discard || p.At() != 16 {
		t.Errorf("the tagged line is bad at %d", p.At())
	}
}

// The parser reads each section of a long line only a limited number of times. Without this limit, the test would take
// minutes.
func TestParserManySections(t *testing.T) {
	const n = 10_000
	for section, samples := range map[string]int{
		"|zz:foo": 1, "|x:5|c": n + 1, "|x:5|g:5|g:z": 3*n + 1, "|x:5|q": 1, "|x:5": 1, "|x": 1, "|#k:v": 1, "|T1": 1, "|e:a:b": 1, "|@0.5": 1, "|@0.5:5|c": n + 1, "| ": 1,
	} {
		line := []byte("a:1|c" + strings.Repeat(section, n))
		for dialect := range metric.Dialect(metric.Dialects) {
			p := Parser{Dialect: dialect}
			var s metric.Sample
			p.Reset(line)
			found := 0
			for item := p.Next(&s); item != End; item = p.Next(&s) {
				found++
			}
			if found != samples {
				t.Errorf("dialect %d: %q x %d: %d items, want %d", dialect, section, n, found, samples)
			}
		}
	}
}

// A line with many values has one item for each value, whether it is good or bad.
func TestParserManyValues(t *testing.T) {
	const n = 32_000
	for _, line := range []string{
		"a:" + strings.Repeat("1:", n-1) + "1|ms",
		"a" + strings.Repeat(":1|c", n),
		"a:" + strings.Repeat("x:", n-1) + "x|c",
		"a" + strings.Repeat(":|", n),
	} {
		var p Parser
		var s metric.Sample
		p.Reset([]byte(line))
		found := 0
		for p.Next(&s) != End {
			found++
		}
		if found != n {
			t.Errorf("%.20q...: %d items, want %d", line, found, n)
		}
	}
}

func TestParserDoesNotAllocate(t *testing.T) {
	var all bytes.Buffer
	for _, tt := range lineTests {
		if tt.why != "beyond float64" { // strconv allocates an error for a number beyond float64
			all.WriteString(tt.in + "\n")
		}
	}
	all.WriteString("a:" + strings.Repeat("7", 200) + ".5|c\n") // a number with so many digits is parsed by strconv
	for dialect := range metric.Dialect(metric.Dialects) {
		p := Parser{Dialect: dialect}
		var s metric.Sample
		if n := testing.AllocsPerRun(100, func() {
			p.Reset(all.Bytes())
			for p.Next(&s) != End {
			}
		}); n != 0 {
			t.Errorf("dialect %d: %v allocations, want none", dialect, n)
		}
	}
}
