package prometheus

import (
	"bytes"

	"github.com/statsd-ops/statsd/sink"
)

// exposition writes the daemon's own families as text.
type exposition struct{ text []byte }

// head writes the HELP and TYPE lines of a family.
func (e *exposition) head(name, kind, help string) {
	e.text = append(e.text, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// sample writes a sample. The parameter labels contains names and values alternately.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.text = append(e.text, name...)
	for i := 0; i < len(labels); i += 2 {
		e.text = append(e.text, "{,"[min(i, 1)])
		e.text = append(appendValue(append(append(e.text, labels[i]...), `="`...), []byte(labels[i+1])), '"')
	}
	if len(labels) > 0 {
		e.text = append(e.text, '}')
	}
	e.text = append(appendNumber(append(e.text, ' '), value), '\n')
}

// one writes a family with one sample.
func (e *exposition) one(name, kind, help string, value float64) {
	e.head(name, kind, help)
	e.sample(name, value)
}

// own returns the daemon's own families as text.
func (s *Sink) own(i sink.Interval) []byte {
	var e exposition
	st := s.store
	e.one("statsd_flush_timestamp_seconds", "gauge", "End of the last flush interval.", float64(i.End.UnixMilli())/1000)
	e.one("statsd_page_series", "gauge", "Series on the page. A histogram or summary counts as one series.", float64(st.live))
	e.one("statsd_page_families", "gauge", "Families on the page.", float64(st.familyCount()))
	e.one("statsd_page_names", "gauge", "Names that are known.", float64(len(st.names)-len(st.freeNames)))
	e.one("statsd_page_scrapes_total", "counter", "Scrapes of the page.", float64(s.scrapes.Load()))
	e.one("statsd_refused_series_total", "counter", "Number of times that a name got no series because the page was full.", float64(s.tallies.refusals()))
	e.one("statsd_page_negative_total", "counter", "Flush intervals with a negative sum of a counter. These sums are not added to the counter.", float64(st.negative))
	e.one("statsd_page_unfit_names_total", "counter", "Number of times that a name got no series, because the name of its family would be empty or too long, or its labels too long.", float64(st.unfit))
	e.head("statsd_conflicts_total", "counter", "Names that could not be shown as requested, by reason and family.")
	for _, c := range s.tallies.list() {
		e.sample("statsd_conflicts_total", float64(c.Count), "reason", c.Reason, "family", c.Family)
	}
	s.ownMapping(&e)
	if i.Own != nil {
		e.add(i.Own())
	}
	return e.text
}

// add copies the families with the reserved prefix from the text of another page, such as the
// monitor's /metrics.
func (e *exposition) add(page []byte) {
	mine := false
	for line := range bytes.Lines(page) {
		if name, help := bytes.CutPrefix(line, []byte("# HELP ")); help {
			name, _, _ = bytes.Cut(name, []byte(" "))
			mine = reserved(string(name))
		}
		if mine {
			e.text = append(e.text, line...)
		}
	}
}

// ownMapping writes the metrics about the rules of the mapping.
func (s *Sink) ownMapping(e *exposition) {
	st := s.store
	e.one("statsd_mapping_rules", "gauge", "Rules of the mapping.", float64(st.set.Len()))
	e.head("statsd_mapping_reloads_total", "counter", "Reloads of the mapping, by result.")
	e.sample("statsd_mapping_reloads_total", float64(s.reloads.done.Load()), "result", "success")
	e.sample("statsd_mapping_reloads_total", float64(s.reloads.failed.Load()), "result", "error")
	e.one("statsd_mapping_unmatched_names", "gauge", "Names that no rule matches.", float64(st.rules[st.set.Len()].names))
	e.one("statsd_mapping_dropped_total", "counter", "Received names that a rule dropped, counted at each flush.", float64(st.droppedBy))
	if st.set.Len() == 0 {
		return
	}
	perRule := func(name, kind, help string, value func(*ruleTally) float64) {
		e.head(name, kind, help)
		for i := range st.set.Len() {
			e.sample(name, value(&st.rules[i]), "rule", st.set.Rule(i).ID)
		}
	}
	perRule("statsd_mapping_rule_names", "gauge", "Names that currently match the rule.", func(r *ruleTally) float64 { return float64(r.names) })
	perRule("statsd_mapping_rule_shown_total", "counter", "Received names that match the rule, counted at each flush.", func(r *ruleTally) float64 { return float64(r.shown) })
	perRule("statsd_mapping_rule_last_seconds", "gauge", "Time of the last flush with a name that matches the rule; 0 if there was none.", func(r *ruleTally) float64 { return float64(r.last) })
}

// maxRuleFigures is the maximum number of rules whose metrics are shown in the monitor. The page shows all rules.
const maxRuleFigures = 100

// describe returns the state for the monitor.
func (s *Sink) describe() sink.State {
	st := s.store
	refused := s.tallies.refusals()
	state := sink.State{
		Made: s.made, Delivered: s.made - refused, Dropped: refused,
		Names: st.live, Conflicts: s.tallies.worst(),
		Full: "the page has as many series or families as max-series and max-families allow",
	}
	add := func(name string, value float64, total bool) {
		state.Figures = append(state.Figures, sink.Figure{Name: name, Value: value, Total: total})
	}
	add("series", float64(st.live), false)
	add("families", float64(st.familyCount()), false)
	add("scrapes", float64(s.scrapes.Load()), true)
	add("negative", float64(st.negative), true)
	add("unmatched", float64(st.rules[st.set.Len()].names), false)
	conflicts := map[string]uint64{"type": 0, "suffix": 0, "bounds": 0, "label": 0, "merged": 0, "reserved": 0}
	for _, c := range s.tallies.list() {
		conflicts[c.Reason] += c.Count
	}
	for _, reason := range []string{"type", "suffix", "bounds", "label", "merged", "reserved"} {
		add("conflicts."+reason, float64(conflicts[reason]), true)
	}
	for i := range min(st.set.Len(), maxRuleFigures) {
		rule := "rule." + st.set.Rule(i).ID
		add(rule+".names", float64(st.rules[i].names), false)
		add(rule+".shown", float64(st.rules[i].shown), true)
		add(rule+".last", float64(st.rules[i].last), false)
	}
	return state
}
