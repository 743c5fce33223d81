package prometheus

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// family contains the series with the same name. All of them have the same type. They also have the same buckets
// or quantiles, which the first series determines.
type family struct {
	name      string
	kind      Kind
	number    uint32
	bounds    []float64
	quantiles []float64
	maxAge    time.Duration
	parts     int
	live      int // number of series, including hidden series
	from      string
	help      string
	head      []byte   // the lines # HELP and # TYPE
	keys      []string // label value (le or quantile) for each value of a series
	entries   []entry  // in the order of creation
	shrunk    bool     // entries still contains removed series
	shown     *familyView
}

// entry is a series of a family.
type entry struct {
	labels text
	slot   uint32
	series uint32
}

// width returns the number of values of a series. A counter or gauge has one value. A histogram has the sum and
// the count of each bucket. A summary has the sum, the count and the quantiles.
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

// findFamily returns the family of a target, and creates it if necessary. If the name belongs to another family,
// it returns false and counts a conflict.
func (st *store) findFamily(t *Target, name []byte) (number uint32, ok bool) {
	if number, known := st.byFamily[string(t.Family)]; known {
		f := st.families[number]
		if f.kind != t.Kind {
			st.tallies.conflict("type", f.name, fmt.Sprintf("it is a %s from %s; %s would make it a %s", f.kind, f.from, describe(t, name), t.Kind))
			return 0, false
		}
		if f.kind == Histogram && !slices.Equal(f.bounds, t.Options.Bounds) {
			st.tallies.conflict("bounds", f.name, fmt.Sprintf("the buckets of %s are used, not the buckets of %s", f.from, describe(t, name)))
		}
		return number, true
	}
	if reason, why := st.taken(t); reason != "" {
		st.tallies.conflict(reason, string(t.Family), fmt.Sprintf("%s cannot be shown: %s", describe(t, name), why))
		return 0, false
	}
	if len(st.byFamily) >= st.config.MaxFamilies {
		st.refused++
		st.tallies.noRoom()
		return 0, false
	}
	return st.addFamily(t, name), true
}

// describe returns a name and its rule, for use in messages.
func describe(t *Target, name []byte) string {
	if t.Rule == nil {
		return fmt.Sprintf("%.200q (no rule)", name)
	}
	return fmt.Sprintf("%.200q (rule %s, line %d)", name, t.Rule.ID, t.Rule.Line)
}

// taken returns a reason if the name of a new family conflicts with an existing family, and "" if not.
func (st *store) taken(t *Target) (reason, why string) {
	text := string(t.Family)
	if st.config.Own && reserved(text) {
		return "reserved", "families that start with " + reservedPrefix + " are reserved for the daemon's own metrics"
	}
	suffixes := []string{sumSuffix, countSuffix, bucketSuffix}
	for _, suffix := range suffixes {
		base, ends := strings.CutSuffix(text, suffix)
		if number, known := st.byFamily[base]; ends && known && st.families[number].kind >= Summary {
			return "suffix", fmt.Sprintf("it belongs to the %s %s from %s", st.families[number].kind, base, st.families[number].from)
		}
	}
	switch t.Kind {
	case Counter, Gauge:
		return "", ""
	case Summary:
		suffixes = suffixes[:2]
	}
	for _, suffix := range suffixes {
		if number, known := st.byFamily[text+suffix]; known {
			return "suffix", fmt.Sprintf("it needs %s%s, which is a %s from %s", text, suffix, st.families[number].kind, st.families[number].from)
		}
	}
	return "", ""
}

func (st *store) addFamily(t *Target, name []byte) (number uint32) {
	o := t.Options
	f := &family{name: string(t.Family), kind: t.Kind, from: describe(t, name)}
	switch t.Kind {
	case Histogram:
		f.bounds = o.Bounds
		for _, b := range o.Bounds {
			f.keys = append(f.keys, string(appendNumber(nil, b)))
		}
		f.keys = append(f.keys, "+Inf")
	case Summary:
		f.quantiles, f.maxAge, f.parts = o.Quantiles, o.MaxAge, o.AgeBuckets
		for _, q := range o.Quantiles {
			f.keys = append(f.keys, string(appendNumber(nil, q)))
		}
	}
	if f.help = strings.Map(printed, o.Help); f.help == "" {
		f.help = defaultHelp
	}
	f.head = appendHelp(append(append([]byte("# HELP "), f.name...), ' '), f.help)
	f.head = append(append(append(f.head, "\n# TYPE "...), f.name...), ' ')
	f.head = append(append(f.head, t.Kind.String()...), '\n')
	if n := len(st.freeFamilies); n > 0 {
		number, st.freeFamilies = st.freeFamilies[n-1], st.freeFamilies[:n-1]
	} else {
		number = uint32(len(st.families))
		st.families = append(st.families, nil)
	}
	f.number = number
	st.families[number] = f
	st.byFamily[f.name] = number
	st.sorted = nil
	return number
}

// dropEmpty removes a family without series, so that its name can be used again.
func (st *store) dropEmpty(number uint32) {
	f := st.families[number]
	if f == nil || f.live > 0 {
		return
	}
	delete(st.byFamily, f.name)
	st.families[number] = nil
	st.freeFamilies = append(st.freeFamilies, number)
	st.sorted = nil
}

// listed returns all families, sorted by name.
func (st *store) listed() []*family {
	if st.sorted == nil {
		st.sorted = make([]*family, 0, len(st.byFamily))
		for _, f := range st.families {
			if f != nil {
				st.sorted = append(st.sorted, f)
			}
		}
		slices.SortFunc(st.sorted, func(a, b *family) int { return strings.Compare(a.name, b.name) })
	}
	return st.sorted
}
