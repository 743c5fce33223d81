// Package aggregate adds samples up and summarises them at each flush.
//
// A Table takes samples in through its shards, one for each receiver, so that
// receivers do not wait for each other. At a flush Drain takes out what they
// have collected, in no time whatever its size, and Summarize makes of it a
// Snapshot: the points to publish, immutable, for any number of readers.
//
//	shard := table.Shard(0)
//	shard.Lock()
//	shard.Add(&sample) // for each of a batch
//	shard.Unlock()
//	...
//	snapshot := table.Drain(nil).Summarize(layout, now)
//
// # Names
//
// A name stays in its shard for as long as it is used. One that is not seen
// for a number of flushes has expired: it counts no longer, and its memory
// goes when a shard holds so many of them that it is worth while to move the others to
// a new table.
//
// # Results
//
// The results are the same for any number of shards. Sums of whole numbers
// are exact up to 2^53; timers' samples are kept, and their percentiles exact,
// unless there are too many of them: see Config.MaxTimerSamples.
package aggregate

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Config says how large a Table may grow.
type Config struct {
	// Shards is the number of receivers, at least 1.
	Shards int
	// MaxNames is the greatest number of names in all. Samples of further
	// names are refused.
	MaxNames int
	// MaxNameLength is the greatest length of a name as received, in bytes, at
	// most MaxNameLength.
	MaxNameLength int
	// MaxSetMembers is the greatest number of members a set may have in a shard.
	MaxSetMembers int
	// MemberKey is the key under which set members are hashed. Tables whose rows are
	// merged need the same one. If it is zero, the table takes a random one.
	MemberKey [16]byte
	// MaxTimerSamples is the greatest number of samples that are kept of a timer
	// in a shard, at least 1. With more of them its percentiles are
	// estimates, within 1 % of a sample's value; all else stays exact.
	MaxTimerSamples int
	// Tagged says that names are those of series: what stands behind the first
	// semicolon is tags, clean already, and points have their suffix before it.
	Tagged bool
	// Expire is the number of flushes after which a name that was not seen is
	// forgotten, by kind; at least 1.
	Expire [metric.Kinds]uint32
	// Dialect says how names are cleaned.
	Dialect metric.Dialect
}

// Table holds what was received since the last flush, and the names seen of
// late. Drain and Summarize are for one goroutine, the flushing one.
type Table struct {
	config Config
	seed   maphash.Seed // of the hashes of names
	key    memberKey
	shards []*Shard
	// known is the number of names that have not expired: those that were live at the
	// last flush, and those that came since.
	known   atomic.Int64
	live    int64
	clock   *clock // of gauges
	scratch scratch
}

// Shard is one receiver's part of a Table. Its lock is taken once for each
// batch of samples, and guards whatever else its receiver counts.
type Shard struct {
	mutex    sync.Mutex
	table    *Table
	names    *names
	retiring *names // what names replaced, until all that counts was moved
	retire   bool   // replace names at the next flush
	flush    uint32 // the number of the running flush
	fresh    int64  // names that came since the last Drain
	now      int64  // the time of the batch at hand, 0 until it is asked for
	// The last sample of a gauge: its arrival, and the time that it got, see gaugeTime.
	arrival, gaugeAt int64
	blocks           [2]blocks
	spare            spare
	clean            []byte
}

// NewTable returns an empty table.
func NewTable(config Config) *Table {
	t := &Table{config: config, seed: maphash.MakeSeed(), key: newMemberKey(config.MemberKey), clock: newClock()}
	for range config.Shards {
		s := &Shard{table: t, names: newNames(t.seed), flush: firstFlush}
		for i := range s.blocks {
			s.blocks[i].spare, s.blocks[i].maxSamples = &s.spare, config.MaxTimerSamples
		}
		t.shards = append(t.shards, s)
	}
	return t
}

// SetLimits replaces the limits. Shards, Tagged and MemberKey cannot change;
// MaxTimerSamples applies after the next Drain. Only the goroutine that drains may call it.
func (t *Table) SetLimits(config Config) {
	config.Shards, config.Tagged, config.MemberKey = len(t.shards), t.config.Tagged, t.config.MemberKey
	for _, s := range t.shards {
		s.mutex.Lock()
	}
	t.config = config
	for _, s := range t.shards {
		s.mutex.Unlock()
	}
}

// Shard returns the i-th shard, 0 <= i < Config.Shards.
func (t *Table) Shard(i int) *Shard { return t.shards[i] }

// Names returns the number of names that have not expired. A name that came
// through several receivers may count more than once.
func (t *Table) Names() int { return int(t.known.Load()) }

// Lock begins a batch. Drain waits until its end.
func (s *Shard) Lock() {
	s.mutex.Lock()
	s.now = 0
}

// Unlock ends a batch.
func (s *Shard) Unlock() { s.mutex.Unlock() }

// BatchSize is how many samples are best added at once.
const BatchSize = 32

// AddAll adds samples to their names, in order. It stores in reasons, which is
// as long, why it did not add one, or metric.None. It keeps nothing of the
// samples' bytes. The shard must be locked.
//
// With more names than the caches hold, finding one takes as long as memory
// takes to answer, twice. So the first look at all names' places comes before
// the first addition: the processor waits for many answers at once.
func (s *Shard) AddAll(samples []metric.Sample, reasons []metric.Reason) {
	var probes [BatchSize]probe
	for len(samples) > 0 {
		n := min(len(samples), BatchSize)
		for i := range n {
			probes[i].hash = maphash.Bytes(s.table.seed, samples[i].Name)
		}
		s.names.look(probes[:n])
		for i := range n {
			reasons[i] = s.add(&samples[i], &probes[i])
		}
		samples, reasons = samples[n:], reasons[n:]
	}
}

// Add adds one sample; see AddAll.
func (s *Shard) Add(sample *metric.Sample) metric.Reason {
	return s.add(sample, &probe{hash: maphash.Bytes(s.table.seed, sample.Name)})
}

func (s *Shard) add(sample *metric.Sample, p *probe) metric.Reason {
	kind := sample.Kind & 3
	r := s.names.findAt(p, kind, sample.Name)
	if r == 0 {
		var reason metric.Reason
		if r, reason = s.intern(kind, sample.Name); r == 0 {
			return reason
		}
	}
	rec := s.names.pages.at(r)
	off := cell(kind, s.flush)
	switch kind {
	case metric.Counter:
		addCounter(rec, off, sample.Value*sample.Weight)
	case metric.Timer:
		addWeight(rec, off, sample.Weight, sample.Millis)
		addValue(&s.blocks[s.flush&1], rec, off, sample.Value)
	case metric.Gauge:
		s.addGauge(rec, off, sample)
	case metric.Set:
		hash := s.table.key.member(sample.Member)
		if !addMember(&s.blocks[s.flush&1], rec, off, setMember{hash, s.table.config.MaxSetMembers}) {
			return metric.RefusedMember
		}
	}
	return metric.None
}

// intern finds the record of a name that is not in the table as it was
// received: one that needs cleaning, or a new one.
func (s *Shard) intern(kind metric.Kind, raw []byte) (ref, metric.Reason) {
	config := &s.table.config
	if len(raw) > config.MaxNameLength {
		return 0, metric.TooLong
	}
	name, tags := raw, []byte(nil)
	if config.Tagged {
		name, tags = metric.CutTags(raw)
	}
	s.clean = config.Dialect.AppendClean(s.clean[:0], name)
	if len(s.clean) == 0 {
		return 0, metric.EmptyName
	}
	s.clean = append(s.clean, tags...)
	if !bytes.Equal(s.clean, raw) {
		if r := s.names.find(kind, s.clean); r != 0 {
			return r, metric.None
		}
	}
	return s.insert(kind, s.clean)
}

// insert makes a record of a clean name that is not in the table.
func (s *Shard) insert(kind metric.Kind, name []byte) (ref, metric.Reason) {
	if s.retiring != nil && s.retiring.find(kind, name) != 0 {
		return s.names.insert(kind, name, s.flush), metric.None
	}
	if s.table.known.Add(1) > int64(s.table.config.MaxNames) {
		s.table.known.Add(-1)
		return 0, metric.RefusedName
	}
	s.fresh++
	return s.names.insert(kind, name, s.flush), metric.None
}

// Drain takes out what all shards have collected since the last Drain. It
// calls cut, unless nil, for each shard while that is locked, so that what a receiver
// counts itself can be taken out at the same moment. The Interval before must
// have been summarised.
func (t *Table) Drain(cut func(shard int)) *Interval {
	iv := &Interval{table: t, views: make([]view, len(t.shards))}
	iv.known = t.live
	t.clock.check(time.Now())
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
		if s.retire {
			s.retiring, s.names, s.retire = s.names, newNames(t.seed), false
		}
		s.flush++
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
