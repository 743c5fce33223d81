package prometheus

import (
	"bytes"
	"slices"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// Kind is the type of a family.
type Kind uint8

// The types.
const (
	Counter Kind = iota
	Gauge
	Summary
	Histogram
)

var kindNames = [...]string{"counter", "gauge", "summary", "histogram"}

func (k Kind) String() string { return kindNames[k] }

// Mapper turns names into families and labels.
type Mapper struct {
	set *rules.Set
	// Tagged says that names have tags, from the first semicolon on.
	tagged   bool
	constant []pair // labels of all series

	result rules.Result
	pairs  []pair
	names  []byte // memory of label names
	text   []byte // memory of the labels' text
	family []byte
	lost   bool
}

// pair is a label that is not escaped yet.
type pair struct{ name, value []byte }

// Target describes the series of a name. Its slices are valid until the next call of Map.
type Target struct {
	// Rule is the rule that matched, nil if none did.
	Rule *rules.Rule
	// Options are the rule's, or the defaults.
	Options *rules.Options
	// Dropped says that a rule drops the name, or that no rule matches and such names are dropped.
	Dropped bool
	// Unfit says that there is no family with this name, because it is empty or too long.
	Unfit bool
	// LabelsLost says that a label was dropped or renamed.
	LabelsLost bool
	Kind       Kind
	Family     []byte
	// Labels are as on the page: k="v",k2="v2", sorted by name.
	Labels []byte
}

// The maximum length of a family's name and of the text of labels, in bytes. Templates can make them long.
const (
	maxFamily = 4 << 10
	maxLabels = 16 << 10
)

// NewMapper returns a Mapper.
func NewMapper(set *rules.Set, tagged bool, constant map[string]string) *Mapper {
	m := &Mapper{set: set, tagged: tagged}
	for name, value := range constant {
		m.constant = append(m.constant, pair{[]byte(name), []byte(value)})
	}
	return m
}

// Map returns the series for a name.
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

// gather sets m.pairs to the labels, sorted by name. If several labels have one name, the last of them wins. The order
// is: tags, labels of the rule, constant labels. With honor_labels, tags win over labels of the rule.
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

// add adds a label. Names that begin with __ belong to Prometheus, and le and quantile to the types that
// need them.
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

// write sets m.text to the labels.
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
