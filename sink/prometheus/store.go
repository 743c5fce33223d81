package prometheus

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// store contains the known names and their series. Only the flush uses it. It is built without pointers per name
// or series, so that the garbage collector has little work.
type store struct {
	config  Config
	set     *rules.Set
	mapper  *Mapper
	tallies *tallies
	seed    maphash.Seed
	begin   time.Time // the time when the ticks start; the length of a tick is tickLength
	tick    uint32

	texts     texts
	names     []name
	byName    index
	freeNames []uint32

	series     []series
	bySeries   index
	freeSeries []uint32
	freed      []uint32 // series that were freed since the last call of publish; the families still contain their entries
	live       int      // number of series, including hidden series

	families []*family // indexed by number; nil if the family was removed
	byFamily index
	values   values
	sorted   []*family          // nil if the families must be sorted again
	shown    []*familyView      // the families on the page; nil if an entry was added or removed since the last call of publish
	windows  map[uint32]*window // time windows of summaries
	batch    batch              // reused by the windows
	members  map[uint32]*members
	natives  map[uint32]*native // native buckets of histograms

	freeFamilies []uint32
	now          time.Time
	swept        time.Time // time of the last search for idle names
	expires      bool      // at least one series has a ttl
	frozen       bool      // a reload is reading names and texts, so no name or text may be removed

	rules     []ruleTally // one element per rule, and a last one for names that match no rule
	negative  uint64
	refused   uint64
	unfit     uint64
	droppedBy uint64
}

// name is what the store knows about a received name.
type name struct {
	text   text
	series uint32 // number of the series plus 1; 0 if the name has no series
	rule   int32  // number of the rule; the total number of rules if no rule matches
	seen   uint32 // tick when the name was last received
	kind   metric.Kind
	state  nameState
}

// nameState says whether a name has a series, and if not, the reason.
type nameState uint8

const (
	nameFree nameState = iota // the record is unused
	nameShown
	nameDropped // the name is dropped by a rule
	nameRefused // the name was refused because of a conflict or a limit; the store tries again later
)

// series is a counter, gauge, histogram or summary on the page, with one or more lines.
type series struct {
	labels text
	family uint32
	slot   uint32
	seen   uint32 // tick when the series last got a sample
	ttl    uint32 // in ticks; 0 means never
	names  uint32 // number of names that belong to the series
	state  seriesState
}

type seriesState uint8

const (
	seriesFree   seriesState = iota
	seriesHidden             // hidden after a reload until a sample is received
	seriesShown
	seriesGone // the ttl of the series has expired
)

// ruleTally contains the counts of one rule.
type ruleTally struct {
	names uint64 // number of names that currently match the rule
	shown uint64 // number of received names that match the rule, added up over all intervals
	last  int64  // Unix time of the last interval with a matching name
}

// tickLength is the resolution of ages. A 32-bit number of ticks lasts for 13 years.
const tickLength = 100 * time.Millisecond

func newStore(config Config, set *rules.Set, t *tallies) *store {
	return &store{
		config: config, set: set, mapper: NewMapper(set, config.Tagged, config.Labels), tallies: t,
		seed: maphash.MakeSeed(), begin: time.Now(),
		windows: map[uint32]*window{}, members: map[uint32]*members{}, natives: map[uint32]*native{}, rules: make([]ruleTally, set.Len()+1),
	}
}

func (st *store) hashName(kind metric.Kind, name []byte) uint64 {
	return maphash.Bytes(st.seed, name) + uint64(kind)*0x9e3779b97f4a7c15
}

// record adds the collected values of a name to its series.
func (st *store) record(c *metric.Collected) {
	hash := st.hashName(c.Kind, c.Name)
	number, known := st.byName.find(hash, func(n uint32) bool {
		return st.names[n].kind == c.Kind && string(st.texts.get(st.names[n].text)) == string(c.Name)
	})
	if !known {
		var room bool
		if number, room = st.addName(c.Kind, c.Name, hash); !room {
			st.refused++
			st.tallies.noRoom()
			return
		}
	}
	n := &st.names[number]
	n.seen = st.tick
	if n.state == nameRefused {
		if c.Kind == metric.Counter && c.Value < 0 { // create no series for a value that cannot be shown
			st.negative++
			return
		}
		st.place(number, c.Kind, c.Name)
		n = &st.names[number]
	}
	r := &st.rules[n.rule]
	r.shown, r.last = r.shown+1, st.now.Unix()
	switch n.state {
	case nameDropped:
		st.droppedBy++
	case nameShown:
		st.apply(c, n)
	}
}

// options returns the options of the rule with this number.
func (st *store) options(rule int32) *rules.Options {
	if int(rule) == st.set.Len() {
		return &st.set.Defaults
	}
	return &st.set.Rule(int(rule)).Options
}

// addName creates a record for a new name, which has no series yet. It returns false if the maximum number of
// names is reached.
func (st *store) addName(kind metric.Kind, text []byte, hash uint64) (number uint32, room bool) {
	if n := len(st.freeNames); n > 0 {
		number, st.freeNames = st.freeNames[n-1], st.freeNames[:n-1]
	} else {
		if len(st.names) >= namesPerSeries*st.config.MaxSeries {
			return 0, false
		}
		number = uint32(len(st.names))
		st.names = append(st.names, name{})
	}
	st.names[number] = name{text: st.texts.put(text), kind: kind, state: nameRefused, rule: int32(st.set.Len())}
	st.rules[st.set.Len()].names++
	st.byName.add(hash, number)
	return number, true
}

// namesPerSeries is the maximum number of known names, divided by the maximum number of series.
const namesPerSeries = 4

// place maps a name with the rules, and finds or creates its series.
func (st *store) place(number uint32, kind metric.Kind, text []byte) {
	n := &st.names[number]
	t := st.mapper.Map(kind, text)
	rule := int32(st.set.Len())
	if t.Rule != nil {
		rule = int32(t.Rule.Number)
	}
	st.rules[n.rule].names--
	st.rules[rule].names++
	n.rule = rule
	switch {
	case t.Dropped:
		n.state = nameDropped
		return
	case t.Unfit:
		st.unfit++
		return
	}
	if t.LabelsLost {
		st.tallies.conflict("label", string(t.Family), "")
	}
	found, ok := st.findSeries(&t, text)
	if !ok {
		return
	}
	s := &st.series[found]
	if s.names++; s.names > 1 {
		st.tallies.conflict("merged", string(t.Family), "")
	}
	s.ttl = ticksOf(t.Options.TTL)
	st.expires = st.expires || s.ttl > 0
	n.series, n.state = found+1, nameShown
}

// minTTL is the shortest possible ttl. A series must exist long enough to be scraped.
const minTTL = time.Second

func ticksOf(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min(max(d, minTTL)/tickLength, math.MaxUint32))
}

// findSeries returns the series of a target, and creates it if necessary. It returns false if a conflict or a
// limit prevents this.
func (st *store) findSeries(t *Target, name []byte) (number uint32, ok bool) {
	family, ok := st.findFamily(t, name)
	if !ok {
		return 0, false
	}
	identity := identity(t.Labels)
	hash := maphash.Bytes(st.seed, identity) + uint64(family)*0x9e3779b97f4a7c15
	number, ok = st.bySeries.find(hash, func(n uint32) bool {
		s := &st.series[n]
		return s.family == family && string(st.identityOf(s)) == string(identity)
	})
	if ok {
		return number, true
	}
	f := st.families[family]
	if st.live >= st.config.MaxSeries {
		st.refused++
		st.tallies.noRoom()
		st.dropEmpty(family)
		return 0, false
	}
	if n := len(st.freeSeries); n > 0 {
		number, st.freeSeries = st.freeSeries[n-1], st.freeSeries[:n-1]
	} else {
		number = uint32(len(st.series))
		st.series = append(st.series, series{})
	}
	st.series[number] = series{labels: st.texts.put(t.Labels), family: family, slot: st.values.allocate(f.width()), state: seriesHidden}
	if f.kind == Summary {
		f.empty(st.values.run(st.series[number].slot, f.width()))
	}
	st.bySeries.add(hash, number)
	st.live++
	f.live++
	return number, true
}

func (st *store) identityOf(s *series) []byte { return identity(st.texts.get(s.labels)) }

// removeSeries removes a series that no longer has a name.
func (st *store) removeSeries(number uint32) {
	s := &st.series[number]
	f := st.families[s.family]
	st.bySeries.remove(maphash.Bytes(st.seed, st.identityOf(s))+uint64(s.family)*0x9e3779b97f4a7c15, number)
	st.values.release(s.slot, f.width())
	st.texts.drop(s.labels)
	delete(st.windows, number)
	delete(st.members, number)
	delete(st.natives, number)
	family := s.family
	*s = series{}
	st.freed = append(st.freed, number)
	st.live--
	f.live--
	f.shrunk, st.shown = true, nil
	st.dropEmpty(family)
}

func (st *store) removeName(number uint32) {
	n := &st.names[number]
	text := st.texts.get(n.text)
	st.byName.remove(st.hashName(n.kind, text), number)
	st.texts.drop(n.text)
	st.rules[n.rule].names--
	*n = name{}
	st.freeNames = append(st.freeNames, number)
}
