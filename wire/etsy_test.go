package wire

import (
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// etsyTests are lines that Etsy's statsd accepts, and some lines that it refuses.
var etsyTests = []struct{ why, in, want string }{
	{"white space at the end", "a:1|c \na:1|c\t\r\na:1|ms \na:1|g\u00a0", "a c 1, a c 1, a ms 1, a g 1"},
	{"white space around values and types", "a: 1 | c \na:\t5\v|\fg|@0.5", "a c 1, a g 5"},
	{"a value of white space is 0", "a: |c\na:  |g", "a c 0, a g 0"},
	{"an empty value counts as no value", "a:|c\na:|g\na:|x", "!no_value, !no_value, !no_value"},
	{"an empty member is 0", "a:|s\na: |s", `a s "0", a s " "`},
	{"hexadecimal, octal, binary", "a:0x10|c\na:0XfF|ms\na:0o17|g\na:0b101|c", "a c 16, a ms 255, a g 15, a c 5"},
	{"digits beyond the precision", "a:0x20000000000001|c\na:0x100000000000008001|c\na:0xfffffffffffffbff|c\na:0xfffffffffffffc00|c", "a c 9.007199254740992e+15, a c 2.951479051793529e+20, a c 1.844674407370955e+19, a c 1.8446744073709552e+19"},
	{"no such digits", "a:0x|c\na:0xg|c\na:-0x1|c\na:0b2|c\na:0o8|c\na:0x1.8|c\na:0x1_0|c", "!bad_value, !bad_value, !bad_value, !bad_value, !bad_value, !bad_value, !bad_value"},
	{"beyond float64", "a:0x" + strings.Repeat("f", 300) + "|c\na:Infinity|c\na:1e309|g", "!bad_value, !bad_value, !bad_value"},
	{"a sign behind white space sets", "a: -3|g\na:-3 |g", "a g -3, a g -3"},
	{"other types count", "a:5|q\na:5|\na:5|C\na:5|c x", "a c 5, a c 5, a c 5, a c 5"},
	{"but no type does not", "a:5\na:5|#k|c", "!bad_type, !bad_type"},
	{"h, d and m are as in DogStatsD", "a:5|h\na:5|d \na:5|m", "a h 5, a h 5, a c 5"},
	{"rates", "a:1|c|@0.5 \na:1|c| @0.5\na:1|c|@ 0.5\na:1|c|@2\na:1|ms|@4\na:1|c|@0\na:1|c|@-1\na:1|c|@x", "a c 1 x2, a c 1 x2, a c 1 x2, a c 1 x0.5, a ms 1 x0.25, !bad_rate, !bad_rate, !bad_rate"},
	{"the first of two rates counts", "a:1|c|@0.5|@0.1\na:1|c|@0.5|@x", "a c 1 x2, a c 1 x2"},
	{"several values", "a:1 |c: 2|ms: +3|g", "a c 1, a ms 2, a g 3"},
	{"sections of DogStatsD", "a:1|c|#k:v|e:it-false,cn-web|card:low|T1", "a c 1 -tags"},
}

func TestParserEtsy(t *testing.T) {
	p := Parser{Dialect: metric.Etsy}
	for _, tt := range etsyTests {
		if got := items(&p, tt.in); got != tt.want {
			t.Errorf("%s: %q\n gives %s\n  want %s", tt.why, tt.in, got, tt.want)
		}
	}
}
