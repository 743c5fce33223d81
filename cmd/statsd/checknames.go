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
	"github.com/statsd-ops/statsd/wire"
)

// namesTimeout is the time limit for reading names from a daemon.
const namesTimeout = time.Minute

// maxNameLine is the maximum length of a line with a name, in bytes.
const maxNameLine = 1 << 20

// openNames opens the source of names: a file, the standard input, or the HTTP address of a running daemon.
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
		return nil, fmt.Errorf("%s answers %s; give the address of a monitor or a prometheus sink, such as http://localhost:8135", from, answer.Status)
	}
	return answer.Body, nil
}

// decision is the result of the rules for a name.
type decision struct {
	rule    *rules.Rule // the rule that matches the name; nil if no rule matches
	counts  *rules.Rule // a rule that matches the name but only counts its samples
	result  string
	dropped bool
}

// namesCheck prints and counts the results of rules for names.
type namesCheck struct {
	all    settings
	set    *rules.Set
	decide func(kind metric.Kind, name []byte) decision // returns the decision for a cleaned name
	parser wire.Parser
	out    *bufio.Writer

	hits                      []int // number of matching names for each rule
	names, unmatched, dropped int
	bad                       int
}

func (all settings) newNamesCheck(set *rules.Set, tags metric.Tags, styles metric.TagStyles, stdout io.Writer) *namesCheck {
	return &namesCheck{
		all: all, set: set, hits: make([]int, set.Len()), out: bufio.NewWriter(stdout),
		parser: wire.Parser{Tagger: wire.NewTagger(tags, styles, all.dialect())},
	}
}

// run checks the names from --names-from, until ctx ends. Without --names-from, it prints the number of rules in the file.
func (c *namesCheck) run(ctx context.Context, file string) error {
	from := c.all.text("names-from")
	if from == "" {
		fmt.Fprintf(c.out, "%s: %d rules\n", file, c.set.Len())
		return c.out.Flush()
	}
	read := make(chan error, 1)
	go func() { read <- c.read(ctx, from) }()
	select {
	case err := <-read:
		if err != nil {
			return err
		}
	case <-ctx.Done(): // the goroutine may wait for a writer of a pipe until the process exits
		return fmt.Errorf("--names-from %s: interrupted", from)
	}
	c.summary()
	return c.out.Flush()
}

// read checks the names from a source. The source may be a pipe, as in --names-from <(COMMAND), so it is not opened
// through safefile.
func (c *namesCheck) read(ctx context.Context, from string) error {
	names, err := openNames(ctx, from)
	if err != nil {
		return fmt.Errorf("--names-from: %w", err)
	}
	defer names.Close()
	lines := bufio.NewScanner(names)
	lines.Buffer(nil, maxNameLine)
	for lines.Scan() {
		c.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("--names-from %s: %w", from, err)
	}
	return nil
}

// line checks the name or names in a line of input. The line is KIND NAME, or a statsd line, or only a name,
// which is then a counter.
func (c *namesCheck) line(line []byte) {
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
		if item == wire.Sample && !good { // print the name once, because all samples of a line have the same name
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

// name prints a line about a name: its kind, the name, the rule that matches it, and what the rule does.
func (c *namesCheck) name(kind metric.Kind, received []byte) {
	form := metric.NameForm{Dialect: c.all.dialect(), Tagged: true, AsSent: c.all.text("names") == "as-sent"}
	name, reason := form.Append(nil, received)
	if reason != metric.None {
		c.bad++
		fmt.Fprintf(c.out, "%s\t%q\tbad name\n", kind, received)
		return
	}
	c.names++
	d := c.decide(kind, name)
	rule := "unmatched"
	if d.rule != nil {
		rule = "rule " + d.rule.ID
		c.hits[d.rule.Number]++
	} else {
		c.unmatched++
	}
	if d.dropped {
		c.dropped++
	}
	if d.counts != nil {
		c.hits[d.counts.Number]++
		rule += ", counted by rule " + d.counts.ID
	}
	fmt.Fprintf(c.out, "%s\t%s\t%s\t%s\n", kind, name, rule, d.result)
}

// summary prints how many names matched each rule.
func (c *namesCheck) summary() {
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
