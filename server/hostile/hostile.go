// Package hostile creates bad input for tests of the daemon:
//
//	for _, d := range hostile.Datagrams() { ... } // datagrams that are built to cause high cost
//	input := hostile.New(seed).Next()             // broken lines, as many as a test needs
//
// The tests of this package send such input to a statsd in another process. They also cause failures of the daemon's
// sinks, its disk, and the receivers of its alerts. They check the daemon's memory, processor time and descriptors, and
// that all samples and points are accounted for. They also send good lines for one counter (the canary). The published
// value of this counter must be exact.
package hostile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// MaxUDP is the maximum payload of a datagram over IPv4, in bytes.
const MaxUDP = 65_507

// Datagram is a kind of datagram that is built to cause high cost.
type Datagram struct {
	Name string
	// Make returns a datagram of this kind of about size bytes.
	Make func(size int) []byte
}

// Datagrams returns all kinds of datagrams that are built to cause high cost.
func Datagrams() []Datagram {
	var all []Datagram
	add := func(name string, build func(size int) string) {
		all = append(all, Datagram{name, func(size int) []byte { return []byte(build(size)) }})
	}
	// repeated adds a kind of datagram: it has a head, as many copies of a part as fit, and a tail.
	repeated := func(name, head, part, tail string) {
		add(name, func(size int) string {
			return head + strings.Repeat(part, max(0, size-len(head)-len(tail))/len(part)) + tail
		})
	}
	repeated("a name", "", "n", ":1|c")
	repeated("a name of dots", "", ".", ":1|c")
	repeated("an empty name", "", "!", ":1|c")
	repeated("a name of spaces", "", " \t", ":1|c")
	repeated("a name of slashes", "", "/", ":1|c")
	repeated("new names", "", "n:1|c\n", "")
	repeated("values in one line", "v", ":1", "|ms")
	repeated("samples in one line", "v", ":1|c", "")
	repeated("empty values", "v", ":", "|ms")
	repeated("bad values", "v", ":x", "|c")
	repeated("bad types", "v", ":1|x", "")
	repeated("members", "v:", "m", "|s")
	repeated("digits", "v:", "9", "|c")
	repeated("digits of a fraction", "v:0.", "9", "|c")
	repeated("leading zeroes", "v:", "0", "1|c")
	repeated("an exponent", "v:1e", "9", "|c")
	repeated("a negative exponent", "v:1e-", "9", "|ms")
	repeated("signs", "v:", "+", "1|g")
	repeated("a tiny rate", "v:1|c|@0.", "0", "1")
	repeated("rates", "v:1|c", "|@0.1", "")
	repeated("rates of many", "v", ":1e308|c|@1e-300", "")
	repeated("tags", "v:1|c|#", "a:b,", "")
	repeated("sections", "v:1|c", "|", "")
	repeated("bars", "v:1", "|", "")
	repeated("colons", "", ":", "")
	repeated("newlines", "", "\n", "")
	repeated("carriage returns", "v:1|c", "\r", "")
	repeated("blank lines", "", " \r\n", "")
	repeated("bad lines", "", "x\n", "")
	repeated("events", "", "_e{1,1}:a|b\n", "")
	repeated("an event's lengths", "_e{", "9", ",1}:a|b")
	repeated("service checks", "", "_sc|a|0\n", "")
	repeated("zero bytes", "", "\x00", "")
	repeated("invalid UTF-8", "", "\xff\xfe\xc0\x80", ":1|c")
	repeated("control bytes", "", "\x1b[2J\x07\x08\x7f", ":1|c")
	repeated("extreme float64 values", "v", ":1.7976931348623157e308:-1.7976931348623157e308:5e-324", "|ms")
	repeated("adjustments", "v", ":+1e308", "|g")
	for _, name := range []string{
		"__proto__", "constructor", "prototype.toString", "hasOwnProperty", "../../etc/passwd", "%s%n%x", "${jndi:ldap://x}",
		"{{.}}", "'; DROP TABLE names; --", "<script>alert(1)</script>", "$(reboot)", "`id`", "con", "nul", "NaN", "null", "-e", "_e", "_sc", "_e{", "__class__.__init__",
	} {
		repeated("the name "+name, "", name+":1|c\n", "")
	}
	add("values that are not numbers", func(size int) string {
		var b strings.Builder
		for i := 0; b.Len() < size-40; i++ {
			fmt.Fprintf(&b, "v:%s|ms|@%s\n", numbers[i%len(numbers)], numbers[(7*i+i/len(numbers))%len(numbers)])
		}
		return b.String()
	})
	return all
}

// numbers contains numbers, and texts that resemble numbers.
var numbers = []string{
	"1", "0", "-0", "+1", "-1", ".5", "5.", ".", "1e1", "1e", "1e+", "1e400", "1e-400", "1e99999999", "0x10", "0b1", "1_000",
	"NaN", "nan", "Inf", "-inf", "infinity", "1,5", "1 ", " 1", "٣", "4.9e-324", "1.7976931348623159e308", "--1", "1e1.5", "",
}

// Inputs creates broken lines by changing good lines. Some lines are still good after the change.
type Inputs struct {
	random *rand.Rand
	last   []byte
}

// New returns Inputs that depend only on the seed.
func New(seed uint64) *Inputs { return &Inputs{random: rand.New(rand.NewPCG(seed, seed))} }

var lines = []string{
	"hits:1|c", "hits:2:3|c|@0.5:4|m|#env:prod,x", "load:7|g", "level:+2|g", "level:-2.5|g", "time:1.5:2e1|ms|@0.1|c:id:1|T1700000000",
	"user:2001:db8::1|s", "user:b|s|#a:b", "h:0.25:1e-7|h|#t:u", "d:1e+21|d", "_e{5,4}:title|text", "_sc|svc.up|0", "a/b c:1|c", "g:0|g\ng:-7|g", "", " \r",
}

var pieces = []string{":", "|", "@", "#", "\n", "\r\n", "|c", "|ms", "|g", "|s", "|@0.1", "|#", ":1", "1e", "+", "-", ".", "\x00", "\xff", "_e{", "_sc|", " ", "/"}

// Next returns the next input. It has at most a few thousand bytes, and is valid until
// the next call.
func (in *Inputs) Next() []byte {
	r := in.random
	b := in.last[:0]
	for range 1 + r.IntN(4) {
		b = append(append(b, lines[r.IntN(len(lines))]...), '\n')
	}
	for range r.IntN(8) {
		b = in.change(b)
	}
	in.last = b
	return b
}

func (in *Inputs) change(b []byte) []byte {
	r := in.random
	at := r.IntN(len(b) + 1)
	to := at + min(r.IntN(16), len(b)-at)
	switch r.IntN(7) {
	case 0: // flip a bit
		if at < len(b) {
			b[at] ^= 1 << r.IntN(8)
		}
	case 1: // replace a byte
		if at < len(b) {
			b[at] = byte(r.IntN(256))
		}
	case 2:
		b = slices.Delete(b, at, to)
	case 3:
		b = slices.Insert(b, at, []byte(pieces[r.IntN(len(pieces))])...)
	case 4:
		b = slices.Insert(b, at, []byte(numbers[r.IntN(len(numbers))])...)
	case 5: // repeat a part
		part := slices.Clone(b[at:to])
		for n := r.IntN(20); n > 0 && len(b) < 4000; n-- {
			b = slices.Insert(b, at, part...)
		}
	case 6:
		b = b[:at]
	}
	return b
}
