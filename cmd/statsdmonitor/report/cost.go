package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/meta/question"
)

// Cost formats the use of CPU time and memory.
func Cost(p Page, a question.Answer, c question.Cost) string {
	s := &sheet{Page: &p}
	var means []string
	for _, m := range []struct {
		over string
		of   question.Number
	}{{"5m ", c.Cores5m}, {"15m ", c.Cores15m}} {
		if !math.IsNaN(float64(m.of)) {
			means = append(means, m.over+cores(float64(m.of)))
		}
	}
	first := cores(c.Cores) + " cores"
	if means != nil {
		first += "  (" + strings.Join(means, ", ") + ")"
	}
	groups := []span{{text: first}, {text: rate(c.MicrosPerSample) + " us a sample"}}
	for _, x := range c.CPU {
		groups = append(groups, span{text: x.Name + " " + strconv.FormatFloat(100*x.Value, 'f', 0, 64) + " %"})
	}
	s.groups("cpu", 8, groups, "")
	held := []span{{text: memory(float64(c.Memory))}}
	for _, x := range c.Memories {
		text := x.Name + " " + memory(x.Value)
		if x.Name == "names" && c.BytesPerName > 0 {
			text += " (" + decimal(c.BytesPerName, 3) + " B each)"
		}
		held = append(held, span{text: text})
	}
	s.groups("memory", 8, held, "")
	for i, x := range c.Most {
		label := ""
		if i == 0 {
			label = "most"
		}
		s.groups(label, 8, []span{{text: x.Prefix}, {text: memory(float64(x.Bytes)) + ", " + count(x.Names) + " names"}}, "")
	}
	s.foot(a)
	return s.String()
}

// cores formats a number of busy processor cores, such as 0.30.
func cores(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "-"
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}
