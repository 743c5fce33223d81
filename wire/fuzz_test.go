package wire

import (
	"bytes"
	"math"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

func FuzzParser(f *testing.F) {
	for _, tt := range lineTests {
		for dialect := range uint8(metric.Dialects) {
			f.Add([]byte(tt.in), false, uint8(metric.DropTags), dialect)
		}
	}
	for _, tt := range etsyTests {
		f.Add([]byte(tt.in), false, uint8(metric.DropTags), uint8(metric.Etsy))
	}
	for _, tt := range tagTests {
		f.Add([]byte(tt.in), false, uint8(metric.GraphiteTags), uint8(metric.Reference))
		f.Add([]byte(tt.in), false, uint8(metric.TagsInName), uint8(metric.Etsy))
		f.Add([]byte(tt.in), false, uint8(metric.LabelTags)|31<<2, uint8(metric.Reference))
	}
	f.Add([]byte("a:-5|g"), true, uint8(metric.DropTags), uint8(metric.Reference))
	f.Fuzz(func(t *testing.T, in []byte, absolute bool, tags, dialect uint8) {
		d := metric.Dialect(dialect % metric.Dialects)
		p := Parser{AbsoluteSigns: absolute, Dialect: d, Tagger: NewTagger(metric.Tags(tags%4), metric.TagStyles(tags>>2)%32, d)}
		var s metric.Sample
		before := bytes.Clone(in)
		p.Reset(in)
		samples := 0
		for n := 0; ; n++ {
			item := p.Next(&s)
			if item == End {
				break
			}
			if n > len(in) {
				t.Fatalf("more items than bytes in %q", in)
			}
			if bytes.ContainsAny(p.Line(), "\n") {
				t.Fatalf("line %q holds a newline", p.Line())
			}
			switch item {
			case Discard:
				if p.Reason() == metric.None {
					t.Fatalf("%q discarded without a reason", p.Line())
				}
			case Sample:
				samples++
				if p.Tagger != nil && bytes.IndexByte(s.Name, ':') >= 0 {
					continue // a tag with a colon cannot be sent as a part of the name
				}
				roundTrip(t, s, d)
			}
		}
		if p.Timestamps() > samples {
			t.Fatalf("%d timestamps in %d samples of %q", p.Timestamps(), samples, in)
		}
		if !bytes.Equal(before, in) {
			t.Fatalf("parsing changed %q to %q", before, in)
		}
	})
}

// roundTrip checks that s is valid, and that a Parser reads the same sample from the line that
// Append makes.
func roundTrip(t *testing.T, s metric.Sample, dialect metric.Dialect) {
	t.Helper()
	if bytes.ContainsAny(s.Name, ":\n") || !finite(s.Value) || !finite(s.Value*s.Weight) || s.Weight <= 0 || s.Weight < 1 && dialect != metric.Etsy {
		t.Fatalf("unsound sample %+v", s)
	}
	if s.Kind == metric.Set && len(s.Member) == 0 || s.Delta && s.Kind != metric.Gauge {
		t.Fatalf("unsound sample %+v", s)
	}
	if bytes.HasPrefix(s.Name, []byte("_e{")) || bytes.HasPrefix(s.Name, []byte("_sc|")) || bytes.HasSuffix(s.Member, []byte("\r")) {
		return
	}
	line := Append(nil, s)
	p := Parser{Dialect: dialect}
	var again metric.Sample
	p.Reset(line)
	for range bytes.Count(line, []byte{'\n'}) {
		if item := p.Next(&again); item != Sample {
			t.Fatalf("%+v gives %q, which is %v (%v)", s, line, item, p.Reason())
		}
	}
	if p.Next(new(metric.Sample)) != End {
		t.Fatalf("%+v gives %q, which holds more", s, line)
	}
	absoluteBelowZero := s.Kind == metric.Gauge && !s.Delta && math.Signbit(s.Value)
	if again.Kind != s.Kind || !bytes.Equal(again.Name, s.Name) ||
		s.Kind == metric.Set && !bytes.Equal(again.Member, s.Member) ||
		s.Kind != metric.Set && again.Value != s.Value ||
		again.Delta != (s.Delta || absoluteBelowZero) ||
		s.Kind == metric.Timer && again.Millis != s.Millis ||
		math.Abs(again.Weight/s.Weight-1) > 1e-15 {
		t.Fatalf("%+v came back from %q as %+v", s, line, again)
	}
}
