package clienttest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Sample is a sample as a server parses it. A line can contain several samples.
type Sample struct {
	Name  string
	Value string   // text of the value, including a sign, as in +5
	Type  string   // c, g, ms, h, d, s or the type in a call of Inject
	Rate  float64  // 1 if the line contains no rate
	Tags  []string // in the order of the line
}

// Number returns Value as a number, or 0 if it is not a number.
func (s Sample) Number() float64 {
	v, _ := strconv.ParseFloat(s.Value, 64)
	return v
}

// Parse parses a line of the form name:value[:value...]|type[|@rate][|#tags].
func Parse(line string) ([]Sample, error) {
	name, rest, ok := strings.Cut(line, ":")
	fields := strings.Split(rest, "|")
	if !ok || name == "" || len(fields) < 2 || fields[0] == "" || fields[1] == "" {
		return nil, fmt.Errorf("bad line %q: a line is name:value|type", line)
	}
	s := Sample{Name: name, Type: fields[1], Rate: 1}
	for _, field := range fields[2:] {
		switch {
		case strings.HasPrefix(field, "@"):
			rate, err := strconv.ParseFloat(field[1:], 64)
			if err != nil || !(rate > 0 && rate <= 1) {
				return nil, fmt.Errorf("bad line %q: rate %q: must be more than 0 and at most 1", line, field)
			}
			s.Rate = rate
		case strings.HasPrefix(field, "#"):
			s.Tags = strings.Split(field[1:], ",")
		default:
			return nil, fmt.Errorf("bad line %q: unknown section %q", line, field)
		}
	}
	values := []string{fields[0]}
	if s.Type != "s" {
		values = strings.Split(fields[0], ":")
	}
	var samples []Sample
	for _, s.Value = range values {
		if _, err := strconv.ParseFloat(s.Value, 64); err != nil && numeric(s.Type) {
			return nil, fmt.Errorf("bad line %q: %q is not a number", line, s.Value)
		}
		samples = append(samples, s)
	}
	return samples, nil
}

func numeric(kind string) bool { return slices.Contains([]string{"c", "g", "ms", "h", "d"}, kind) }

// Count returns the sum of a counter. Each sample is divided by its rate. Count, Gauge, Values and Members ignore
// tags.
func (r *Recorder) Count(name string) float64 {
	r.t.Helper()
	sum := 0.0
	for _, s := range r.of(name, "c") {
		sum += s.Number() / s.Rate
	}
	return sum
}

// Gauge returns the last value of a gauge. ok is false if the gauge was not sent.
func (r *Recorder) Gauge(name string) (v float64, ok bool) {
	r.t.Helper()
	for _, s := range r.of(name, "g") {
		if !strings.ContainsAny(s.Value[:1], "+-") {
			v = 0
		}
		v += s.Number()
		ok = true
	}
	return v, ok
}

// Values returns all values of a timer (in milliseconds), histogram or distribution.
func (r *Recorder) Values(name string) []float64 {
	r.t.Helper()
	var values []float64
	for _, s := range r.of(name, "ms", "h", "d") {
		values = append(values, s.Number())
	}
	return values
}

// Members returns the distinct members of a set, sorted.
func (r *Recorder) Members(name string) []string {
	r.t.Helper()
	var members []string
	for _, s := range r.of(name, "s") {
		members = append(members, s.Value)
	}
	slices.Sort(members)
	return slices.Compact(members)
}

func (r *Recorder) of(name string, types ...string) []Sample {
	r.t.Helper()
	return slices.DeleteFunc(r.Samples(), func(s Sample) bool {
		return s.Name != name || !slices.Contains(types, s.Type)
	})
}
