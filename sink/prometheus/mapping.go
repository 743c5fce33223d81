package prometheus

import (
	"bytes"
	"slices"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// Kind is the type of a family.
type Kind uint8

// The types of families.
const (
	Counter Kind = iota
	Gauge
	Summary
	Histogram
)

var kindNames = [...]string{"counter", "gauge", "summary", "histogram"}

func (k Kind) String() string { return kindNames[k] }

// Mapper maps names to families and labels.
type Mapper struct {
	set *rules.Set
	// tagged means that names contain tags after the first semicolon.
	tagged   bool
	constant []pair // labels that are added to all series

	result rules.Result
	pairs  []pair
	names  []byte // buffer for label names
	text   []byte // buffer for the text of all labels
	family []byte
	lost   bool
}

// pair is a label without escapes.
type pair struct{ name, value []byte }

// Target describes the series for a name. Its slices are valid until the next call of Map.
type Target struct {
	// Rule is the rule that matches the name, or nil if no rule matches.
	Rule *rules.Rule
	// Options are the options of the rule, or the default options.
	Options *rules.Options
	// Dropped means that the name is dropped, by a rule or because no rule matches it.
	Dropped bool
	// Unfit means that the name of the family would be empty or too long, or that the labels would be too long.
	Unfit bool
	// LabelsLost means that a label was dropped or renamed.
	LabelsLost bool
	Kind       Kind
	Family     []byte
	// Labels is the text of the labels on the page, sorted by name: k="v",k2="v2".
	Labels []byte
}

// The maximum length of a family name, and of the text of all labels, in bytes. Templates in rules can produce
// long texts.
const (
	maxFamily = 4 << 10
	maxLabels = 16 << 10
)

// NewMapper returns a Mapper for a set of rules.
func NewMapper(set *rules.Set, tagged bool, constant map[string]string) *Mapper {
	m := &Mapper{set: set, tagged: tagged}
	for name, value := range constant {
		m.constant = append(m.constant, pair{[]byte(name), []byte(value)})
	}
	return m
}

// Map returns the Target for a name.
func (m *Mapper) Map(kind metric.Kind, name []byte) (t Target) {
	var tags []byte
	if m.tagged {
		name, tags = metric.CutTags(name)
	}
	m.set.Map(kind, name, &m.result)
	t.Rule, t.Options = m.result.Rule, &m.set.Defaults
	shown := name
	if t.Rule != nil {
		t.Options, shown = &t.Rule.Options, m.result.Name
		t.Dropped = t.Rule.Action == rules.Drop
	} else {
		t.Dropped = m.set.DropUnmatched
	}
	if t.Dropped {
		return t
	}
	t.Kind = kindOf(kind, t.Options)
	m.family = appendName(m.family[:0], shown)
	t.Family = m.family
	m.gather(tags, &t)
	m.write()
	t.Labels, t.LabelsLost = m.text, m.lost
	t.Unfit = len(t.Family) == 0 || len(t.Family) > maxFamily || len(t.Labels) > maxLabels
	return t
}

func kindOf(kind metric.Kind, o *rules.Options) Kind {
	switch {
	case kind == metric.Counter:
		return Counter
	case kind != metric.Timer:
		return Gauge
	case o.Observer == rules.Histogram:
		return Histogram
	}
	return Summary
}

// gather sets m.pairs to the labels, sorted by name. If several labels have the same name, the last one is used.
// The order is: tags, labels of the rule, constant labels. With honor_labels, tags replace labels of the rule.
func (m *Mapper) gather(tags []byte, t *Target) {
	m.pairs, m.names, m.lost = m.pairs[:0], m.names[:0], false
	if t.Rule == nil {
		m.addTags(tags, t.Kind)
	} else if t.Options.HonorLabels {
		m.addRule(t.Kind)
		m.addTags(tags, t.Kind)
	} else {
		m.addTags(tags, t.Kind)
		m.addRule(t.Kind)
	}
	for _, c := range m.constant {
		m.add(c.name, c.value, t.Kind)
	}
	slices.SortStableFunc(m.pairs, func(a, b pair) int { return bytes.Compare(a.name, b.name) })
}

func (m *Mapper) addRule(kind Kind) {
	for i := range m.result.Labels {
		l := &m.result.Labels[i]
		m.add([]byte(l.Name), l.Value, kind)
	}
}

func (m *Mapper) addTags(tags []byte, kind Kind) {
	for len(tags) > 0 {
		one := tags[1:]
		if i := bytes.IndexByte(one, ';'); i >= 0 {
			one, tags = one[:i], one[i:]
		} else {
			tags = nil
		}
		if name, value, ok := bytes.Cut(one, []byte("=")); ok {
			m.add(name, value, kind)
		}
	}
}

// add adds a label. It drops a label whose name is empty or starts with __, which Prometheus reserves. It renames
// the labels le and quantile if the type of the family uses them.
func (m *Mapper) add(name, value []byte, kind Kind) {
	start := len(m.names)
	m.names = appendName(m.names, name)
	switch escaped := m.names[start:]; {
	case len(escaped) == 0 || bytes.HasPrefix(escaped, []byte("__")):
		m.lost = true
		return
	case kind == Histogram && string(escaped) == "le", kind == Summary && string(escaped) == "quantile":
		m.lost = true
		renamed := "exported_" + string(escaped)
		m.names = append(m.names[:start], renamed...)
	}
	m.pairs = append(m.pairs, pair{m.names[start:len(m.names):len(m.names)], value})
}

// write sets m.text to the text of all labels.
func (m *Mapper) write() {
	m.text = m.text[:0]
	for i, p := range m.pairs {
		if i+1 < len(m.pairs) && bytes.Equal(m.pairs[i+1].name, p.name) {
			continue
		}
		if len(m.text) > 0 {
			m.text = append(m.text, ',')
		}
		m.text = append(append(m.text, p.name...), '=', '"')
		m.text = append(appendValue(m.text, p.value), '"')
	}
}
