// Package aggregate adds up samples and summarises them at each flush.
//
// A Table receives samples through its shards. Each receiver has its own shard, so receivers do not wait for one
// another. At a flush, Drain removes the collected values from the shards. This takes the same short time for any amount
// of data. Then Summarize makes a Snapshot: the points to publish. A Snapshot does not change, so any number of
// goroutines can read it.
//
//	shard := table.Shard(0)
//	shard.Lock()
//	shard.Add(&sample) // for each sample of a batch
//	shard.Unlock()
//	snapshot := table.Drain(nil).Summarize(layout, now)
//
// Rows reads the content of an interval before it is summarised. Merge adds such rows to the same or another table.
//
// # Names
//
// A name stays in its shard while it has samples. A name without samples for a number of flushes expires: the
// method Names no longer counts it. The memory of expired names is freed when a shard has many of them: the other names of
// the shard move to a new names table.
//
// # Results
//
// The results are the same for any number of shards. Sums of whole numbers are exact up to 2^53. Percentiles are exact
// unless a timer has more samples than Config.MaxTimerSamples. Gauges follow the order of arrival: see metric.Sample.At.
package aggregate

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Config is the configuration of a Table.
type Config struct {
	// Shards is the number of receivers, at least 1.
	Shards int
	// MaxNames is the maximum number of names in all shards. Samples of further names are refused.
	MaxNames int
	// MaxNameLength is the maximum length of a name as received, in bytes. It must not exceed the
	// constant MaxNameLength.
	MaxNameLength int
	// MaxSetMembers is the maximum number of members of a set in one shard.
	MaxSetMembers int
	// MemberKey is the key for hashing the members of sets. Tables whose rows are merged must have the
	// same key. If it is zero, the table makes a random key.
	MemberKey [16]byte
	// MaxTimerSamples is the maximum number of samples that are stored for a timer in one shard. It must be at least 1.
	// If a timer has more samples, its percentiles are estimates with a relative error of at most 1 %. The sums and
	// means inside a threshold, and the counts of histogram bins, are estimates too. All other values stay exact.
	MaxTimerSamples int
	// Tagged says that a name may have tags after the first semicolon. The table does not clean tags.
	// In a path, the suffix of the statistic comes before the tags.
	Tagged bool
	// Expire is the number of flushes after which a name without samples expires, for each kind. It
	// must be at least 1.
	Expire [metric.Kinds]uint32
	// Dialect selects the rules for cleaning names.
	Dialect metric.Dialect
	// NamesAsSent says that names are not cleaned: see metric.AppendSent.
	NamesAsSent bool
}

// form returns the form in which the table stores names.
func (c *Config) form() metric.NameForm {
	return metric.NameForm{Dialect: c.Dialect, Tagged: c.Tagged, AsSent: c.NamesAsSent}
}

// Table holds the samples since the last flush, and the names in use. Only one goroutine may call
// Drain and Summarize. The comments call it the flushing goroutine.
type Table struct {
	config Config
	seed   maphash.Seed // seed for hashing names
	key    memberKey    // the key with which the shards hash set members after the next Drain
	shards []*Shard
	// known is the number of names that have not expired. It counts the live names at the last flush,
	// and the names added since the last flush.
	known   atomic.Int64
	aliases atomic.Int64 // number of aliases in all shards
	live    int64
	clock   *clock      // times of gauges
	gone    NameCounter // counts names that expired or were deleted; only the flushing goroutine uses it
	scratch scratch
}

// Shard is one receiver's part of a Table. A receiver locks its shard once for each batch of samples. The lock also
// guards the counts that the receiver itself keeps outside the Shard.
type Shard struct {
	mutex    sync.Mutex
	table    *Table
	key      memberKey // the current key for hashing set members
	names    *names
	retiring *names      // the previous names table; nil after all live names were moved from it
	retire   bool        // whether to begin a new names table at the next flush
	flush    uint32      // number of the current flush interval
	fresh    int64       // number of names added since the last Drain
	made     NameCounter // counts the names that were added
	// The times of the batch's last gauge sample. wall is the time of arrival by the system's clock, or noArrival if there
	// is no such sample. arrival is the same time by the table's clock. gaugeAt is the result of gaugeTime for the sample.
	wall, arrival, gaugeAt int64
	blocks                 [2]blocks
	spare                  spare
	rules                  *Rules      // nil if there are no rules
	next                   *Rules      // the new rules from the next flush on; nil if the rules do not change
	resolver               Resolver    // applies the rules to a name; nil if there are no rules
	resolved               Resolved    // result of the last call of the resolver
	hits                   []uint64    // samples that each rule has matched since the last Drain
	aliases                [2]*aliases // the young and the old generation; nil if there are no aliases
	mutes                  []*Mute     // nil if there are no mutes
	marked                 bitmap      // records whose samples a mute may refuse
}

// NewTable returns an empty table.
func NewTable(config Config) *Table {
	t := &Table{config: config, seed: maphash.MakeSeed(), key: newMemberKey(config.MemberKey), clock: newClock(), gone: uncounted{}}
	began := time.Now()
	for range config.Shards {
		s := &Shard{table: t, key: t.key, made: uncounted{}, names: newNames(t.seed, began, nil), flush: firstFlush, wall: noArrival}
		for i := range s.blocks {
			s.blocks[i].spare, s.blocks[i].maxSamples = &s.spare, config.MaxTimerSamples
		}
		t.shards = append(t.shards, s)
	}
	return t
}

// SetLimits changes the limits in the configuration. It does not change Shards, Tagged, NamesAsSent and MemberKey.
// MaxTimerSamples takes effect after the next Drain. Only the flushing goroutine may call it.
func (t *Table) SetLimits(config Config) {
	config.Shards, config.Tagged = len(t.shards), t.config.Tagged
	config.NamesAsSent = t.config.NamesAsSent
	for _, s := range t.shards {
		s.mutex.Lock()
	}
	t.config = config
	for _, s := range t.shards {
		s.mutex.Unlock()
	}
}

// SetMemberKey replaces Config.MemberKey. The table must not have been used yet.
func (t *Table) SetMemberKey(key [16]byte) {
	t.NextMemberKey(key)
	for _, s := range t.shards {
		s.key = t.key
	}
}

// NextMemberKey sets the key with which set members are hashed after the next Drain. Only the flushing goroutine may
// call it.
func (t *Table) NextMemberKey(key [16]byte) { t.key = newMemberKey(key) }

// Shard returns the i-th shard. i must be at least 0 and below Config.Shards.
func (t *Table) Shard(i int) *Shard { return t.shards[i] }

// Names returns the number of names that have not expired. A name may count several times, once for
// each shard that has received it.
func (t *Table) Names() int { return int(t.known.Load()) }

// Lock begins a batch. Drain waits until the batch ends.
func (s *Shard) Lock() {
	s.mutex.Lock()
	s.wall = noArrival
}

// Unlock ends the batch that Lock has begun.
func (s *Shard) Unlock() { s.mutex.Unlock() }

// Gauges reports whether the current batch contains a gauge sample. The shard must be locked.
func (s *Shard) Gauges() bool { return s.wall != noArrival }

// BatchSize is the most efficient number of samples to add at once.
const BatchSize = 32

// AddAll adds samples to their names, in order. For each sample it stores metric.None in reasons,
// or the reason why the sample was not added. reasons must be as long as samples. AddAll does not
// keep the samples' bytes. The shard must be locked.
//
// If there are more names than fit into the CPU's caches, each lookup waits for memory twice. So AddAll begins all
// lookups of a batch before it adds the first sample. Then the memory reads of many lookups overlap.
func (s *Shard) AddAll(samples []metric.Sample, reasons []metric.Reason) {
	for len(samples) > 0 {
		n := min(len(samples), BatchSize)
		s.addBatch(samples[:n], reasons)
		samples, reasons = samples[n:], reasons[n:]
	}
}

// addBatch adds at most BatchSize samples for AddAll.
func (s *Shard) addBatch(samples []metric.Sample, reasons []metric.Reason) {
	var probes [BatchSize]probe
	for i := range samples {
		probes[i].hash = maphash.Bytes(s.table.seed, samples[i].Name)
	}
	s.look(samples, probes[:len(samples)])
	if s.mutes != nil {
		s.passMarked(probes[:len(samples)])
	}
	for i := range samples {
		reasons[i] = s.add(&samples[i], &probes[i])
	}
}

// look finds the records of samples. The hashes of the names are in probes. The names of one client usually resemble
// each other. So if the first and the last name have an alias, look searches the aliases first.
func (s *Shard) look(samples []metric.Sample, probes []probe) {
	switch young := s.aliases[0]; {
	case young == nil:
		s.names.look(samples, probes)
	case young.has(probes[0].hash) && young.has(probes[len(probes)-1].hash):
		s.lookAliases(samples, probes)
		s.lookRest(samples, probes)
	default:
		s.names.look(samples, probes)
		s.lookAliases(samples, probes)
	}
}

// Add adds one sample. It returns metric.None, or the reason why the sample was not added. The shard must be locked.
func (s *Shard) Add(sample *metric.Sample) metric.Reason {
	return s.add(sample, &probe{hash: maphash.Bytes(s.table.seed, sample.Name)})
}

func (s *Shard) add(sample *metric.Sample, p *probe) metric.Reason {
	kind := sample.Kind & 3
	r := p.ref
	if r == 0 {
		var reason metric.Reason
		if r, reason = s.find(sample, p); reason != metric.None {
			return reason
		}
	}
	rec := s.names.pages.at(r)
	off := cell(kind, s.flush)
	switch kind {
	case metric.Counter:
		addCounter(rec, off, sample.Value*sample.Weight)
	case metric.Timer:
		addTimer(&s.blocks[s.flush&1], rec, off, sample)
	case metric.Gauge:
		s.addGauge(rec, off, sample)
	case metric.Set:
		hash := s.key.member(sample.Member)
		if !addMember(&s.blocks[s.flush&1], rec, off, setMember{hash, s.table.config.MaxSetMembers}) {
			return metric.RefusedMember
		}
	}
	return metric.None
}

// Drain removes and returns the content of all shards since the last Drain. If cut is not nil, Drain calls it for
// each shard while the shard is locked, so that the caller can read the counts of the shard's receiver at the same moment. The
// previous Interval must be summarised before the next Drain.
func (t *Table) Drain(cut func(shard int)) *Interval {
	iv := &Interval{table: t, views: make([]view, len(t.shards))}
	iv.known = t.live
	now := time.Now()
	t.clock.check(now)
	t.gone.Turn(now)
	for i, s := range t.shards {
		s.mutex.Lock()
		start := time.Now()
		v := &iv.views[i]
		*v = view{
			shard:   s,
			names:   s.names,
			pages:   s.names.pages,
			used:    s.names.used,
			flush:   s.flush,
			blocks:  &s.blocks[s.flush&1],
			retired: s.retire,
		}
		s.names.marks.note(s.names.end(), start.Unix())
		s.made.Turn(start)
		iv.takeHits(s)
		if s.next != nil {
			s.follow(i)
			v.reruled = true
		}
		if s.retire {
			s.retiring, s.names, s.retire, s.marked = s.names, newNames(t.seed, start, s.ttls()), false, nil
			s.dropAliases()
		}
		s.flush++
		s.key = t.key
		s.ageAliases()
		iv.known += s.fresh
		iv.time = t.clock.at(start.UnixNano())
		s.fresh = 0
		s.blocks[s.flush&1].maxSamples = t.config.MaxTimerSamples
		if cut != nil {
			cut(i)
		}
		iv.Swap += time.Since(start)
		s.mutex.Unlock()
	}
	return iv
}
