package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/sink/prometheus"
	"github.com/statsd-ops/statsd/wire"
)

// namesTimeout limits the time to get names from a daemon.
const namesTimeout = time.Minute

// maxNameLine is the longest line of a file of names, in bytes.
const maxNameLine = 1 << 20

// checkMapping implements --check-mapping: it prints what a mapping does with names.
func (all settings) checkMapping(ctx context.Context, path string, stdout, stderr io.Writer) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--check-mapping: %w", err)
	}
	set, warnings, err := rules.Load(text, rules.Mapping)
	if err != nil {
		return fmt.Errorf("--check-mapping %s: %w", path, err)
	}
	for _, w := range warnings {
		fmt.Fprintf(stderr, "statsd: %s: %s\n", path, w)
	}
	from := all.text("names-from")
	if from == "" {
		_, err := fmt.Fprintf(stdout, "%s: %d rules\n", path, set.Len())
		return err
	}
	names, err := openNames(ctx, from)
	if err != nil {
		return fmt.Errorf("--names-from: %w", err)
	}
	defer names.Close()
	styles := all.tagStyles()
	if !all.given("tag-styles") {
		styles = allStyles()
	}
	c := mappingCheck{
		all: all, set: set, mapper: prometheus.NewMapper(set, true, nil), hits: make([]int, set.Len()),
		parser: wire.Parser{Tagger: wire.NewTagger(metric.LabelTags, styles, all.dialect())}, out: bufio.NewWriter(stdout),
	}
	lines := bufio.NewScanner(names)
	lines.Buffer(nil, maxNameLine)
	for lines.Scan() {
		c.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("--names-from %s: %w", from, err)
	}
	c.summary()
	return c.out.Flush()
}

// openNames opens a file of names, the standard input, or the names of a running daemon.
func openNames(ctx context.Context, from string) (io.ReadCloser, error) {
	if from == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return os.Open(from)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/names"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Timeout: namesTimeout}).Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("%s answers %s; want the address of a prometheus sink, such as http://localhost:9102", from, answer.Status)
	}
	return answer.Body, nil
}

// mappingCheck maps names, and counts what the rules do.
type mappingCheck struct {
	all    settings
	set    *rules.Set
	mapper *prometheus.Mapper
	parser wire.Parser
	out    *bufio.Writer

	hits                      []int // by rule
	names, unmatched, dropped int
	bad                       int
}

// line maps the names of a line: KIND NAME, or a line of statsd, or a name, which is a counter's.
func (c *mappingCheck) line(line []byte) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if word, rest, found := bytes.Cut(line, []byte(" ")); found {
		for kind := range metric.Kind(metric.Kinds) {
			if string(word) == kind.String() {
				c.name(kind, rest)
				return
			}
		}
	}
	if !bytes.ContainsRune(line, ':') || !bytes.ContainsRune(line, '|') {
		c.name(metric.Counter, line)
		return
	}
	var s metric.Sample
	good := false
	c.parser.Reset(line)
	for item := c.parser.Next(&s); item != wire.End; item = c.parser.Next(&s) {
		if item == wire.Sample && !good { // further samples have the same name
			good = true
			c.name(s.Kind, s.Name)
		}
	}
	c.parser.Forget()
	if !good {
		c.bad++
		fmt.Fprintf(c.out, "%q\tbad line\n", line)
	}
}

// name prints what happens to a name: its kind, the name, the rule, and the family and labels.
func (c *mappingCheck) name(kind metric.Kind, name []byte) {
	name, ok := c.clean(name)
	if !ok {
		c.bad++
		fmt.Fprintf(c.out, "%s\t%q\tbad name\n", kind, name)
		return
	}
	c.names++
	t := c.mapper.Map(kind, name)
	result := string(t.Family)
	if len(t.Labels) > 0 {
		result += "{" + string(t.Labels) + "}"
	}
	rule := "unmatched"
	if t.Rule != nil {
		rule = "rule " + t.Rule.ID
		c.hits[t.Rule.Number]++
	} else {
		c.unmatched++
	}
	switch {
	case t.Dropped:
		c.dropped++
		result = "dropped"
	case t.Unfit:
		result = "not shown: the name of the family is empty or too long"
	default:
		result = t.Kind.String() + " " + result
	}
	fmt.Fprintf(c.out, "%s\t%s\t%s\t%s\n", kind, name, rule, result)
}

// clean returns a name in the form in which the daemon keeps it.
func (c *mappingCheck) clean(name []byte) (clean []byte, ok bool) {
	name, tags := metric.CutTags(name)
	if c.all.text("names") == "as-sent" {
		clean, ok = metric.AppendSent(nil, name)
	} else {
		clean, ok = c.all.dialect().AppendClean(nil, name), true
	}
	if len(clean) == 0 || !ok {
		return name, false
	}
	return append(clean, tags...), true
}

// summary prints what each rule did.
func (c *mappingCheck) summary() {
	fmt.Fprintf(c.out, "\n%d names, %d unmatched, %d dropped, %d bad\n", c.names, c.unmatched, c.dropped, c.bad)
	for i, hits := range c.hits {
		rule := c.set.Rule(i)
		count := fmt.Sprintf("%d names", hits)
		if hits == 0 {
			count = "no name"
		}
		fmt.Fprintf(c.out, "rule %s, line %d, %s: %s\n", rule.ID, rule.Line, rule.Match, count)
	}
}
