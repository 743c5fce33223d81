package wire

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// faults parses a line. For each bad value it returns the reason, and the text of the line from the
// index that At returns.
func faults(p *Parser, line string) (all []string) {
	var s metric.Sample
	p.Reset([]byte(line))
	for item := p.Next(&s); item != End; item = p.Next(&s) {
		if item == Discard {
			all = append(all, p.Reason().String()+" "+string(p.Line()[p.At():]))
		}
	}
	return all
}

func TestAt(t *testing.T) {
	long := "a" + strings.Repeat(";k=v", MaxTags+1) + ":1|c"
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"php.err:1,5|ms", []string{"bad_value 1,5|ms"}},
		{"orders.total:NaN|g", []string{"bad_value NaN|g"}},
		{"no colon", []string{"no_value "}},
		{"a:", []string{"no_value "}},
		{"a:|c", []string{"no_value |c"}},
		{"a:1", []string{"bad_type "}},
		{"a:1|", []string{"bad_type "}},
		{"a:1|x|@0.5", []string{"bad_type x|@0.5"}},
		{"a:1|c|@0|#t", []string{"bad_rate 0|#t"}},
		{"a:1:x:2:|ms", []string{"bad_value x:2:|ms", "no_value |ms"}},
		{"a:1|c:y|c:z|g\r\n", []string{"bad_value y|c:z|g", "bad_value z|g"}},
		{"ok:1|c\na:1|c|@x\nb:--|g\n", []string{"bad_rate x", "bad_value --|g"}},
		{"a:1:2|c|@9", []string{"bad_rate 9", "bad_rate 9"}},
		{long, []string{"too_long " + long}},
	} {
		p := &Parser{Tagger: NewTagger(metric.GraphiteTags, 0, metric.Reference)}
		if got := faults(p, tt.line); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

// At returns an index within the line, for all lines and all bytes that follow the line.
func FuzzAt(f *testing.F) {
	f.Add([]byte("a:1:x|ms|@0.5:\n:|"), uint8(3))
	f.Fuzz(func(t *testing.T, line []byte, room uint8) {
		buf := append(make([]byte, 0, len(line)+int(room)), line...)
		for d := range metric.Dialect(metric.Dialects) {
			p := Parser{Dialect: d}
			var s metric.Sample
			p.Reset(buf)
			for item := p.Next(&s); item != End; item = p.Next(&s) {
				if item != Discard {
					continue
				}
				if at := p.At(); at < 0 || at > len(p.Line()) {
					t.Fatalf("%q: at %d", p.Line(), at)
				}
				if p.Reason() == metric.NoValue && bytes.IndexByte(p.Line(), ':') < 0 && p.At() != len(p.Line()) {
					t.Fatalf("%q: at %d", p.Line(), p.At())
				}
			}
		}
	})
}
