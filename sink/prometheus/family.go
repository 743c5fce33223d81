package prometheus

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"
)

// family contains the series with the same name. All of them have the same type. They also have the same buckets
// or quantiles, which the first series determines.
type family struct {
	*shape
	name    string
	kind    Kind
	number  uint32
	live    int    // number of series, including hidden series
	from    string // the first name and its rule, for messages
	help    string
	escaped string   // help in the text format
	entries []entry  // in the order of creation
	first   [1]entry // memory for entries while the family has only one series, as most families do if no rule sets labels
	shrunk  bool     // entries still contains removed series
	shown   *familyView
}

// shape contains the buckets of a histogram or the quantiles of a summary.
type shape struct {
	bounds    []float64
	quantiles []float64
	maxAge    time.Duration
	parts     int
	keys      []string // label value (le or quantile) for each value of a series
}

// single is the shape of counters and gauges.
var single shape

// entry is a series of a family.
type entry struct {
	labels text
	slot   uint32
	series uint32
}

// width returns the number of values of a series. A counter or gauge has one value. A histogram has a sum, and a count
// for each bucket. A summary has a sum, a count, and the quantiles.
func (f *family) width() int {
	switch f.kind {
	case Histogram:
		return 1 + len(f.bounds) + 1
	case Summary:
		return 2 + len(f.quantiles)
	}
	return 1
}

// empty sets the quantiles of a summary without samples to NaN.
func (f *family) empty(values []float64) {
	for i := range f.quantiles {
		values[2+i] = math.NaN()
	}
}

// Suffixes of sample names.
const (
	bucketSuffix = "_bucket"
	sumSuffix    = "_sum"
	countSuffix  = "_count"
)

// reservedPrefix is the prefix for the daemon's own families.
const reservedPrefix = "statsd_"

// reserved reports whether a family is one of the daemon's own families.
func reserved(family string) bool {
	return strings.HasPrefix(family, reservedPrefix) || family == "process_start_time_seconds" || family == "process_cpu_seconds_total"
}

// defaultHelp is the help text of families without a help text in their rule.
const defaultHelp = "Received by statsd."

// findFamily returns the number of a target's family, and creates the family if necessary. It returns false and
// counts a conflict if the family has another type, or if its name is not allowed (see taken). It also returns false
// if there is no room for a new family.
func (st *store) findFamily(t *Target, name []byte) (number uint32, ok bool) {
	if f, known := st.familyNamed(t.Family); known {
		if f.kind != t.Kind {
			st.tallies.conflict("type", f.name, fmt.Sprintf("the family is a %s because of %s; %s would make the family a %s", f.kind, f.from, describe(t, name), t.Kind))
			return 0, false
		}
		if f.kind == Histogram && !slices.Equal(f.bounds, t.Options.Bounds) {
			st.tallies.conflict("bounds", f.name, fmt.Sprintf("the buckets of %s are used, not the buckets of %s", f.from, describe(t, name)))
		}
		return f.number, true
	}
	if reason, why := st.taken(t); reason != "" {
		st.tallies.conflict(reason, string(t.Family), fmt.Sprintf("%s cannot be shown: %s", describe(t, name), why))
		return 0, false
	}
	if st.familyCount() >= st.config.MaxFamilies {
		st.refused++
		st.tallies.noRoom()
		return 0, false
	}
	return st.addFamily(t, name), true
}

func (st *store) hashFamily(name []byte) uint64 { return maphash.Bytes(st.seed, name) }

func (st *store) familyNamed(name []byte) (f *family, known bool) {
	number, known := st.byFamily.find(st.hashFamily(name), func(n uint32) bool { return st.families[n].name == string(name) })
	if !known {
		return nil, false
	}
	return st.families[number], true
}

func (st *store) familyCount() int { return len(st.families) - len(st.freeFamilies) }

// describe returns a name and its rule, for use in messages.
func describe(t *Target, name []byte) string {
	if t.Rule == nil {
		return fmt.Sprintf("%.200q (no rule)", name)
	}
	return fmt.Sprintf("%.200q (rule %s, line %d)", name, t.Rule.ID, t.Rule.Line)
}

// taken checks whether the name of a new family is reserved, or conflicts with an existing family.
// If so, it returns the reason in one word, as a label for the metrics, and an explanation for
// messages. If not, both are empty.
func (st *store) taken(t *Target) (reason, why string) {
	text := string(t.Family)
	if st.config.Own && reserved(text) {
		return "reserved", "families that start with " + reservedPrefix + " are reserved for the daemon's own metrics"
	}
	suffixes := []string{sumSuffix, countSuffix, bucketSuffix}
	for _, suffix := range suffixes {
		base, ends := strings.CutSuffix(text, suffix)
		if !ends {
			continue
		}
		if f, known := st.familyNamed([]byte(base)); known && f.kind >= Summary {
			return "suffix", fmt.Sprintf("the %s %s of %s needs this name", f.kind, base, f.from)
		}
	}
	switch t.Kind {
	case Counter, Gauge:
		return "", ""
	case Summary:
		suffixes = suffixes[:2]
	}
	for _, suffix := range suffixes {
		if f, known := st.familyNamed([]byte(text + suffix)); known {
			return "suffix", fmt.Sprintf("the %s needs the name %s too, which is a %s because of %s", t.Kind, f.name, f.kind, f.from)
		}
	}
	return "", ""
}

func (st *store) addFamily(t *Target, name []byte) (number uint32) {
	o := t.Options
	f := &family{shape: &single, kind: t.Kind}
	texts := string(t.Family) + describe(t, name) // one allocation for both
	f.name, f.from = texts[:len(t.Family)], texts[len(t.Family):]
	f.entries = f.first[:0]
	switch t.Kind {
	case Histogram:
		f.shape = &shape{bounds: o.Bounds}
		for _, b := range o.Bounds {
			f.keys = append(f.keys, string(appendNumber(nil, b)))
		}
		f.keys = append(f.keys, "+Inf")
	case Summary:
		f.shape = &shape{quantiles: o.Quantiles, maxAge: o.MaxAge, parts: o.AgeBuckets}
		for _, q := range o.Quantiles {
			f.keys = append(f.keys, string(appendNumber(nil, q)))
		}
	}
	if f.help = strings.Map(printed, o.Help); f.help == "" {
		f.help = defaultHelp
	}
	if f.escaped = string(appendHelp(nil, f.help)); f.escaped == f.help {
		f.escaped = f.help // most families share one help text
	}
	if n := len(st.freeFamilies); n > 0 {
		number, st.freeFamilies = st.freeFamilies[n-1], st.freeFamilies[:n-1]
	} else {
		number = uint32(len(st.families))
		st.families = append(st.families, nil)
	}
	f.number = number
	st.families[number] = f
	st.byFamily.add(st.hashFamily(t.Family), number)
	st.sorted = nil
	return number
}

// dropEmpty removes a family without series, so that its name can be used again.
func (st *store) dropEmpty(number uint32) {
	f := st.families[number]
	if f == nil || f.live > 0 {
		return
	}
	st.byFamily.remove(st.hashFamily([]byte(f.name)), number)
	st.families[number] = nil
	st.freeFamilies = append(st.freeFamilies, number)
	st.sorted = nil
}

// listed returns all families, sorted by name.
func (st *store) listed() []*family {
	if st.sorted == nil {
		st.sorted = make([]*family, 0, st.familyCount())
		for _, f := range st.families {
			if f != nil {
				st.sorted = append(st.sorted, f)
			}
		}
		slices.SortFunc(st.sorted, func(a, b *family) int { return strings.Compare(a.name, b.name) })
	}
	return st.sorted
}
