package wire

import (
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

const allStyles = metric.DogStatsD | metric.Graphite | metric.InfluxDB | metric.Librato | metric.SignalFX

// The lines come from the tests of statsd_exporter. The expected results come from running
// statsd_exporter.
var labelTests = []struct{ in, want string }{
	{"n:1|c", "n"},
	{"n:1|c|#env:prod,shop:eu", "n;env=prod;shop=eu"},
	{"n:1|c|##env:prod,#shop:eu", "n;env=prod;shop=eu"},
	{"n:1|c|#env:a,env:b", "n;env=b lost"},
	{"n:1|c|#env:prod,", "n;env=prod"},
	{"n:1|c|#flag,env:", "n lost"},
	{"n:1|c|#k=v", "n lost"},
	{"n:1|c|#url:http://x?a=b", "n;url=http://x?a=b"},
	{"n:1|c|#city:Zürich Süd", "n;city=Zürich Süd"},
	{"n:1|c|#q:say \"hi\"\\n", "n;q=say \"hi\"\\n"},
	{"n:1|c|#q:a;b,c=d:e", "n;c_d=e;q=a_b"},
	{"n:1|c|#q:a\tb\x00", "n;q=a\tb_"},
	{"n:1|c|#name:x", "n;name=x"},
	{"n:1|c|#a:b|@0.5|#c:d", "n;a=b;c=d"},
	{"n:1|c|#q:\xff", "bad_tags"},
	{"n;k=v;l=w:1|c", "n;k=v;l=w"},
	{"n;k=v:1|c|#l:w", "n;k=v;l=w"},
	{"n,env=prod,shop=eu:1|c", "n;env=prod;shop=eu"},
	{"n,env:1|c", "n lost"},
	{"n,env=:1|c", "n lost"},
	{"n,:1|c", "n"},
	{"n,k=\xff:1|c", "bad_tags"},
	{"n#env=prod:1|c", "n;env=prod"},
	{"n#a=b,c#d=e:1|c", "n;a=b;c#d=e"},
	{"n#:1|c|#shop:eu", "n;shop=eu"},
	{"n#env=prod:1|c|#shop:eu", "bad_tags"},
	{"n[env=prod]:1|c", "n;env=prod"},
	{"n[env=prod].rest:1|c", "n.rest;env=prod"},
	{"n[env=prod].r;k=v:1|c", "n.r_k=v;env=prod"},
	{"n[env=prod],k=v:1|c", "n,k=v;env=prod"},
	{"n]x[env=prod:1|c", "n]x[env=prod lost"},
	{"nenv=prod]:1|c", "nenv=prod] lost"},
	{"n[env=prod,k=v:1|c", "n[env=prod,k=v lost"},
	{"[env=prod]:1|c", ";env=prod"},
}

func TestLabels(t *testing.T) {
	p := Parser{Tagger: NewTagger(metric.LabelTags, allStyles, metric.Reference)}
	for _, again := range []string{"first", "again"} {
		for _, tt := range labelTests {
			if got := firstName(&p, tt.in); got != tt.want {
				t.Errorf("%s, %s: %q, want %q", tt.in, again, got, tt.want)
			}
		}
	}
}

// firstName parses a line and returns the name of its sample, or the reason why the sample is bad.
func firstName(p *Parser, line string) string {
	var s metric.Sample
	p.Reset([]byte(line))
	if p.Next(&s) != Sample {
		return p.Reason().String()
	}
	if s.TagsDropped {
		return string(s.Name) + " lost"
	}
	return string(s.Name)
}

func TestTagStyles(t *testing.T) {
	lines := map[metric.TagStyles]string{
		metric.DogStatsD: "n:1|c|#k:v",
		metric.Graphite:  "n;k=v:1|c",
		metric.InfluxDB:  "n,k=v:1|c",
		metric.Librato:   "n#k=v:1|c",
		metric.SignalFX:  "n[k=v]:1|c",
	}
	for style, line := range lines {
		sent, _, _ := strings.Cut(line, ":")
		for read := range lines {
			p := Parser{Tagger: NewTagger(metric.LabelTags, read, metric.Reference)}
			want := strings.ReplaceAll(sent, ";", "_") // in the name of a series, a semicolon begins the tags
			switch {
			case read == style:
				want = "n;k=v"
			case style == metric.DogStatsD:
				want = "n lost"
			}
			if got := firstName(&p, line); got != want {
				t.Errorf("%s with style %b: %q, want %q", line, read, got, want)
			}
			p.Tagger = NewTagger(metric.TagsInName, read, metric.Reference)
			if got := firstName(&p, line); read == style && got != "n.k.v" {
				t.Errorf("%s in the name: %q", line, got)
			}
		}
		p := Parser{Tagger: NewTagger(metric.DropTags, allStyles, metric.Reference)}
		if got := firstName(&p, line); got != "n lost" {
			t.Errorf("%s with tags dropped: %q", line, got)
		}
	}
}
