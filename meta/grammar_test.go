package meta

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// parsedMetric is a metric that the grammar has parsed.
type parsedMetric struct {
	kind, help, unit string
	samples          map[string]float64 // values by name and labels
}

// grammar parses OpenMetrics 1.0.0 if the field open is true, and Prometheus' text format 0.0.4
// otherwise. It is stricter than Prometheus: it also requires what the formats only recommend.
type grammar struct {
	open    bool
	metrics map[string]*parsedMetric // by the name in their TYPE line
	names   map[string]bool          // names of all samples that the metrics can have
	now     string                   // name of the current metric
	ended   bool
}

func parseMetrics(text string, open bool) (map[string]*parsedMetric, error) {
	g := grammar{open: open, metrics: map[string]*parsedMetric{}, names: map[string]bool{}}
	if !strings.HasSuffix(text, "\n") {
		return nil, errors.New("the last line does not end")
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := g.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n, line, err)
		}
	}
	if g.ended != open {
		return nil, fmt.Errorf("# EOF at the end: %v, want %v", g.ended, open)
	}
	return g.metrics, nil
}

var metricName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (g *grammar) line(line string) error {
	comment, isComment := strings.CutPrefix(line, "# ")
	switch {
	case g.ended:
		return errors.New("behind # EOF")
	case line == "# EOF":
		g.ended = true
		if !g.open {
			return errors.New("not of this format")
		}
		return nil
	case !isComment:
		return g.sample(line)
	}
	word, rest, _ := strings.Cut(comment, " ")
	name, value, _ := strings.Cut(rest, " ")
	if !metricName.MatchString(name) || value == "" {
		return errors.New("want a name and a value")
	}
	if word == "HELP" {
		return g.help(name, value)
	}
	m := g.metrics[name]
	if m == nil || g.now != name || len(m.samples) > 0 {
		return errors.New("want HELP first, and samples last")
	}
	switch word {
	case "TYPE":
		return g.kind(m, name, value)
	case "UNIT":
		m.unit = value
		if !g.open || value != "seconds" && value != "bytes" || !strings.HasSuffix(name, "_"+value) {
			return errors.New("the unit is no base unit, or not the end of the name")
		}
		return nil
	}
	return errors.New("unknown comment")
}

func (g *grammar) help(name, text string) error {
	escapes := "n\\"
	if g.open {
		escapes += `"`
	}
	for rest := text; rest != ""; rest = rest[1:] {
		if rest[0] == '\\' {
			if rest = rest[1:]; rest == "" || !strings.Contains(escapes, rest[:1]) {
				return errors.New("bad escape")
			}
		} else if rest[0] == '"' && g.open {
			return errors.New("a quote that is not escaped")
		}
	}
	if g.metrics[name] != nil {
		return errors.New("this metric was there already")
	}
	g.now = name
	g.metrics[name] = &parsedMetric{help: text, samples: map[string]float64{}}
	return nil
}

func (g *grammar) kind(m *parsedMetric, name, kind string) error {
	sample := name
	switch {
	case m.kind != "":
		return errors.New("a second TYPE")
	case kind == "info" && g.open:
		sample += "_info"
	case kind == "counter" && g.open:
		sample += "_total"
	case kind != "gauge" && kind != "counter":
		return errors.New("unknown type")
	case strings.HasSuffix(name, "_total") != (kind == "counter"):
		return errors.New("a counter, and nothing else, ends in _total")
	}
	for _, suffix := range []string{"_count", "_sum", "_bucket", "_created", "_gcount", "_gsum"} {
		if strings.HasSuffix(name, suffix) {
			return errors.New("the name has the suffix of another type")
		}
	}
	if g.open && strings.HasSuffix(name, "_total") || g.names[sample] {
		return errors.New("the name belongs to a sample")
	}
	m.kind, g.names[sample] = kind, true
	return nil
}

var sampleLine = regexp.MustCompile(`^([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)$`)

func (g *grammar) sample(line string) error {
	parts := sampleLine.FindStringSubmatch(line)
	if parts == nil {
		return errors.New("no sample")
	}
	name, m := parts[1], g.metrics[g.now]
	if m == nil || m.kind == "" {
		return errors.New("want TYPE first")
	}
	family := g.now
	if g.open {
		family += map[string]string{"counter": "_total", "info": "_info"}[m.kind]
	}
	if name != family {
		return fmt.Errorf("not a sample of %s", g.now)
	}
	if err := checkLabels(parts[2]); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(parts[3], 64)
	if err != nil || m.kind == "counter" && value < 0 || m.kind == "info" && value != 1 {
		return fmt.Errorf("bad value: %w", err)
	}
	series := name + "{" + parts[2] + "}"
	if _, twice := m.samples[series]; twice {
		return errors.New("twice")
	}
	m.samples[series] = value
	return nil
}

var oneLabel = regexp.MustCompile(`^([a-z][a-z0-9_]*)="(?:[^"\\]|\\[n"\\])*"(?:,|$)`)

// checkLabels checks the text between the braces of a sample.
func checkLabels(text string) error {
	seen := map[string]bool{}
	for text != "" {
		label := oneLabel.FindStringSubmatch(text)
		if label == nil || seen[label[1]] {
			return fmt.Errorf("bad or repeated label at %q", text)
		}
		seen[label[1]] = true
		if text = text[len(label[0]):]; text == "" && strings.HasSuffix(label[0], ",") {
			return errors.New("a comma behind the last label")
		}
	}
	return nil
}
