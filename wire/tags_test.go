package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

var tagTests = []struct{ why, in, graphite, inName string }{
	{"none", "a:1|c", "a c 1", "a c 1"},
	{"one", "a:1|c|#k:v", "a;k=v c 1", "a.k.v c 1"},
	{"sorted", "a:1|ms|@0.5|#b:2,a:1", "a;a=1;b=2 ms 1 x2", "a.a.1.b.2 ms 1 x2"},
	{"sorted with the equals sign", "a:1|c|#k:1,k1:1,k-x:1", "a;k-x=1;k1=1;k=1 c 1", "a.k-x.1.k.1.k1.1 c 1"},
	{"set", "a:x|s|#k:v", `a;k=v s "x"`, `a.k.v s "x"`},
	{"gauge adjusted", "a:+1|g|#k:v", "a;k=v g +1", "a.k.v g +1"},
	{"packed values share them", "a:1:2|ms|#k:v", "a;k=v ms 1, a;k=v ms 2", "a.k.v ms 1, a.k.v ms 2"},
	{"of the last group only", "a:1|c:2|c|#k:v", "a c 1, a;k=v c 2", "a c 1, a.k.v c 2"},
	{"each line has its own", "a:1|c|#k:v\na:1|c\na:1|c|#k:w", "a;k=v c 1, a c 1, a;k=w c 1", "a.k.v c 1, a c 1, a.k.w c 1"},
	{"between container and timestamp", "a:1|c|c:ab|#k:v|T12", "a;k=v c 1", "a.k.v c 1"},
	{"without a value", "a:1|c|#flag,k:v", "a;flag=true;k=v c 1", "a.flag.true.k.v c 1"},
	{"equals sign", "a:1|c|#k=v", "a;k=v c 1", "a.k.v c 1"},
	{"the value has colons and equals signs", "a:1|c|#u:http://x?y=z", "a;u=http://x?y=z c 1", "a.u.http--xyz c 1"},
	{"dots", "a:1|c|#k.x:1.2", "a;k.x=1.2 c 1", "a.k_x.1_2 c 1"},
	{"empty value", "a:1|c|#k:,l:v", "a;l=v c 1 -tags", "a.l.v c 1 -tags"},
	{"empty key", "a:1|c|#:v", "a c 1 -tags", "a c 1 -tags"},
	{"nothing left", "a:1|c|#k:é", "a;k=_ c 1", "a c 1 -tags"},
	{"empty tags", "a:1|c|#,,k:v,", "a;k=v c 1", "a.k.v c 1"},
	{"empty section", "a:1|c|#", "a c 1", "a c 1"},
	{"twice the same", "a:1|c|#k:v,k:v", "a;k=v c 1 -tags", "a.k.v c 1 -tags"},
	{"the later counts", "a:1|c|#k:1,j:2,k:3", "a;j=2;k=3 c 1 -tags", "a.j.2.k.3 c 1 -tags"},
	{"an empty one does not replace the other", "a:1|c|#k:1,k:", "a;k=1 c 1 -tags", "a.k.1 c 1 -tags"},
	{"two sections", "a:1|c|#k:v|#l:w", "a;l=w c 1 -tags", "a.l.w c 1 -tags"},
	{"bytes that a key cannot have", "a:1|c|#!^;k \t;x:v", "a;_k_x=v c 1", "a.k_x.v c 1"},
	{"bytes that a value cannot have", "a:1|c|#k:a;b c\x01\x02\xc3\xa9!^=", "a;k=a_b_c_!^= c 1", "a.k.ab_c c 1"},
	{"tilde first", "a:1|c|#k:~v~,l:~", "a;k=_v~;l=_ c 1", "a.k.v c 1 -tags"},
	{"the start of another format", `a:1|c|#{k:"}`, "a;{k=_} c 1", "a c 1 -tags"},
	{"slash", "a:1|c|#p:/x/y", "a;p=/x/y c 1", "a.p.-x-y c 1"},
	{"the key that carbon reserves", "a:1|c|#name:v", "a;_name=v c 1", "a.name.v c 1"},
	{"in the name", "a;k=v:1|c", "a;k=v c 1", "a.k.v c 1"},
	{"in the name, not sorted", "a;l=w;k=v;flag;:1|c", "a;flag=true;k=v;l=w c 1", "a.flag.true.k.v.l.w c 1"},
	{"in the name and in a section", "a;k=v;l=w:1|c|#k:x", "a;k=x;l=w c 1 -tags", "a.k.x.l.w c 1 -tags"},
	{"in the name of several values", "a;k=v:1|c:2:3|ms", "a;k=v c 1, a;k=v ms 2, a;k=v ms 3", "a.k.v c 1, a.k.v ms 2, a.k.v ms 3"},
	{"a comma in the name does not end a tag", "a;k=v,w:1|c", "a;k=v,w c 1", "a.k.vw c 1"},
	{"the name is not cleaned yet", "a b/é;k=v:1|c", "a b/é;k=v c 1", "a_b-.k.v c 1"},
	{"no name", ":1|c|#k:v\n;k=v:1|c", ";k=v c 1, ;k=v c 1", " c 1,  c 1"},
	{"bad samples", "a:x|c|#k:v\na:1|zz|#k:v\na:1|c|@2|#k:v", "!bad_value, !bad_type, !bad_rate", "!bad_value, !bad_type, !bad_rate"},
	{"events", "_e{1,1}:a|b|#k:v\n_sc|a|0|#k:v", "event, event", "event, event"},
	{"a member that looks like a section", "a:#k:v|s", `a s "#k:v"`, `a s "#k:v"`},
	{"too many", "a:1:2|c|#" + strings.Repeat("k,", MaxTags+1), "!too_long, !too_long", "!too_long, !too_long"},
	{"as many as fit", "a:1|c|#" + strings.Repeat("k,", MaxTags), "a;k=true c 1 -tags", "a.k.true c 1 -tags"},
	{"too many in the name and the section together", "a;" + strings.Repeat("k;", MaxTags) + ":1|c|#k:v", "!too_long", "!too_long"},
}

func TestTags(t *testing.T) {
	for _, tt := range tagTests {
		for style, want := range map[metric.Tags]string{metric.GraphiteTags: tt.graphite, metric.TagsInName: tt.inName} {
			p := Parser{Tagger: NewTagger(style, 0, metric.Reference)}
			for _, when := range []string{"first", "again"} { // the second time, the Tagger uses the stored result for the section
				if got := items(&p, tt.in); got != want {
					t.Errorf("%s, %s: %q\n gives %s\n  want %s", tt.why, when, tt.in, got, want)
				}
			}
		}
	}
}

// The dialect determines how names are cleaned, and how tags are cleaned if they become part of a
// name.
func TestTagsInDialect(t *testing.T) {
	for style, want := range map[metric.Tags]string{metric.GraphiteTags: "a b/;k=/v_w", metric.TagsInName: "ab_.k._vw"} {
		series, _, _ := NewTagger(style, 0, metric.Gstatsd).Name([]byte("a b/"), []byte("k:/v w"))
		if string(series) != want {
			t.Errorf("got %q, want %q", series, want)
		}
	}
}

// All names stay valid until Forget, even if there are many.
func TestTaggerNames(t *testing.T) {
	tagger := NewTagger(metric.GraphiteTags, 0, metric.Reference)
	for range 3 {
		var names [][]byte
		for i := range 1000 {
			name, _, _ := tagger.Name([]byte("a"), fmt.Appendf(nil, "k:%d", i%300))
			names = append(names, name)
		}
		for i, name := range names {
			if want := fmt.Sprintf("a;k=%d", i%300); string(name) != want {
				t.Fatalf("name %d is %q, want %q", i, name, want)
			}
		}
		tagger.Forget()
	}
}

// After Forget, a Tagger keeps only a limited amount of memory, even if there were many tags or
// long tags.
func TestTaggerBounded(t *testing.T) {
	tagger := NewTagger(metric.GraphiteTags, 0, metric.Reference)
	for i := range 2 * sections {
		section := fmt.Appendf(nil, "k:%d%s", i, strings.Repeat("x", 1<<16))
		if _, _, fault := tagger.Name([]byte("a"), section); fault != metric.None {
			t.Fatal("refused")
		}
		tagger.Name([]byte("a"), bytes.Repeat([]byte("k:vv,"), 10_000)) // more tags than the limit
		tagger.Forget()
	}
	kept := cap(tagger.names) + cap(tagger.order)
	for _, k := range tagger.known {
		kept += cap(k.section) + cap(k.tags)
	}
	if kept > 2*maxKept {
		t.Errorf("keeps %d bytes", kept)
	}
}

func TestTagsDoNotAllocate(t *testing.T) {
	var all bytes.Buffer
	for _, tt := range tagTests {
		all.WriteString(tt.in + "\n")
	}
	p := Parser{Tagger: NewTagger(metric.GraphiteTags, 0, metric.Reference)}
	var s metric.Sample
	parse := func() {
		p.Reset(all.Bytes())
		for p.Next(&s) != End {
		}
		p.Tagger.Forget()
	}
	parse() // the first call allocates memory
	if n := testing.AllocsPerRun(100, parse); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// plainSeries makes the name of a series in the simplest way. The name and the section must not
// contain bytes that need cleaning.
func plainSeries(name, section string) string {
	tags := map[string]string{}
	name, inName, _ := strings.Cut(name, ";")
	for _, one := range append(strings.Split(inName, ";"), strings.Split(section, ",")...) {
		key, value := one, "true"
		if i := strings.IndexAny(one, ":="); i >= 0 {
			key, value = one[:i], one[i+1:]
		}
		if key == "name" {
			key = "_name"
		}
		if key != "" && value != "" {
			tags[key] = value
		}
	}
	var all []string
	for key, value := range tags {
		all = append(all, ";"+key+"="+value)
	}
	slices.Sort(all)
	return name + strings.Join(all, "")
}

// FuzzTags checks that Graphite accepts each series. If a line has the text of a series as its name, the result must be
// the same series.
func FuzzTags(f *testing.F) {
	for _, tt := range tagTests {
		line, _, _ := strings.Cut(tt.in, "\n")
		name, rest, _ := strings.Cut(line, ":")
		_, section, _ := strings.Cut(rest, "|#")
		f.Add(name, section)
	}
	f.Fuzz(func(t *testing.T, name, section string) {
		if strings.ContainsAny(name, ":\n") || strings.ContainsAny(section, "|\n") {
			return // a line cannot contain such a name or section
		}
		tagger := NewTagger(metric.GraphiteTags, 0, metric.Reference)
		series, lost, fault := tagger.Name([]byte(name), []byte(section))
		if fault != metric.None {
			if strings.Count(name, ";")+strings.Count(section, ",")+1 <= MaxTags {
				t.Fatalf("%q|#%q: refused", name, section)
			}
			return
		}
		base, _, _ := strings.Cut(name, ";")
		tags, found := strings.CutPrefix(string(series), base)
		if !found {
			t.Fatalf("%q|#%q gives %q", name, section, series)
		}
		checkTags(t, tags)
		for range 2 {
			if again, l, fault := tagger.Name(series, nil); fault != metric.None || l || !bytes.Equal(again, series) {
				t.Fatalf("%q comes back as %q", series, again)
			}
			if again, l, fault := tagger.Name([]byte(name), []byte(section)); fault != metric.None || l != lost || !bytes.Equal(again, series) {
				t.Fatalf("%q|#%q gives %q and then %q", name, section, series, again)
			}
		}
		if isFit(name[len(base):]+section) && !strings.Contains(section, ";") && string(series) != plainSeries(name, section) {
			t.Fatalf("%q|#%q gives %q, want %q", name, section, series, plainSeries(name, section))
		}
		inName, _, _ := NewTagger(metric.TagsInName, 0, metric.Reference).Name([]byte(name), []byte(section))
		if !metric.IsClean(inName) || len(inName) > 0 && len(metric.Reference.AppendClean(nil, []byte(base))) == 0 {
			t.Fatalf("%q|#%q gives the name %q", name, section, inName)
		}
	})
}

// isFit reports whether tags contain nothing that must be cleaned.
func isFit(tags string) bool {
	for _, c := range []byte(tags) {
		if c <= ' ' || c > '~' || strings.IndexByte(`!^"~`, c) >= 0 {
			return false
		}
	}
	return true
}

// checkTags checks that tags follow Graphite's rules.
func checkTags(t *testing.T, tags string) {
	t.Helper()
	if tags == "" {
		return
	}
	before := ""
	for one := range strings.SplitSeq(tags[1:], ";") {
		key, value, found := strings.Cut(one, "=")
		switch {
		case tags[0] != ';' || !found || key == "" || value == "" || key == "name":
			t.Fatalf("%q has the tag %q", tags, one)
		case strings.ContainsAny(key, "!^") || value[0] == '~':
			t.Fatalf("%q has the tag %q", tags, one)
		case one <= before || key+"=" == before[:strings.IndexByte(before+"=", '=')]+"=":
			t.Fatalf("%q has %q after %q", tags, one, before)
		}
		before = one
	}
	for _, c := range []byte(tags) {
		if c <= ' ' || c > '~' || c == '"' {
			t.Fatalf("%q has the byte %q", tags, c)
		}
	}
}

// TestContainers checks that a container becomes a tag, whether its section comes before or after
// other tags.
func TestContainers(t *testing.T) {
	for line, want := range map[string]string{
		"a:1|c|c:ab":                    "a;container_id=ab",
		"a:1|c|#k:v|c:in-7|T12":         "a;container_id=in-7;k=v",
		"a:1|ms|c:ci-1,in-2|@0.5|#z:v":  "a;container_id=ci-1;z=v",
		"a:1|c|c:|#k:v":                 "a;k=v",
		"a:1|c|c:x|#container_id:own":   "a;container_id=x",
		"a;g=1:1|c|c:x":                 "a;container_id=x;g=1",
		"a:1|c|card:low|e:it-false|c:y": "a;container_id=y",
		"a:1|c":                         "a",
	} {
		for _, keep := range []bool{false, true} {
			tagger := NewTagger(metric.GraphiteTags, 0, metric.Reference)
			p := Parser{Tagger: tagger, Containers: true, KeepTags: keep}
			p.Reset([]byte(line))
			var s metric.Sample
			if item := p.Next(&s); item != Sample {
				t.Errorf("%s: %v", line, p.Reason())
				continue
			}
			name := s.Name
			if keep {
				name, _, _ = tagger.Series(name)
			}
			if string(name) != want {
				t.Errorf("%s is %s, want %s", line, name, want)
			}
		}
	}
}

// TestKeptTags compares two Parsers: one processes tags at once, the other keeps the tags unchanged until a later call
// of Series. Both must give the same series.
func TestKeptTags(t *testing.T) {
	for _, style := range []metric.Tags{metric.DropTags, metric.GraphiteTags, metric.TagsInName, metric.LabelTags} {
		for _, tt := range tagTests {
			tagger := NewTagger(style, metric.DogStatsD|metric.Graphite|metric.InfluxDB, metric.Reference)
			now, later := Parser{Tagger: tagger}, Parser{Tagger: tagger, KeepTags: true}
			now.Reset([]byte(tt.in))
			later.Reset([]byte(tt.in))
			for {
				var a, b metric.Sample
				is, kept := now.Next(&a), later.Next(&b)
				reason := now.Reason()
				if kept == Sample {
					var fault metric.Reason
					var lost bool
					if b.Name, lost, fault = tagger.Series(b.Name); fault != metric.None {
						kept = Discard
						later.reason = fault
					}
					b.TagsDropped = b.TagsDropped || lost
				}
				if is != kept || is == Discard && reason != later.Reason() {
					t.Fatalf("%v, %q: %v (%v) at once, %v (%v) later", style, tt.in, is, reason, kept, later.Reason())
				}
				if is == End {
					break
				}
				if is == Sample && fmt.Sprint(a) != fmt.Sprint(b) {
					t.Errorf("%v, %q: %+v at once, %+v later", style, tt.in, a, b)
				}
			}
		}
	}
}
