// Package aggregate adds up samples and summarises them at each flush.
//
// A Table receives samples through its shards. Each receiver has a shard of its own, so receivers do not wait for each
// other. At a flush, Drain removes the collected values from the shards. This takes the same short time for any amount
// of data. Then Summarize makes a Snapshot: the points to publish. A Snapshot does not change, so any number of
// goroutines can read it.
//
//	shard := table.Shard(0)
//	shard.Lock()
//	shard.Add(&sample) // for each of a batch
//	shard.Unlock()
//	...
//	snapshot := table.Drain(nil).Summarize(layout, now)
//
// Rows reads the content of an interval before it is summarised. Merge adds such rows to another table, on this machine
// or another one.
//
// # Names
//
// A name stays in its shard while it is used. A name that was not seen for a number
// of flushes expires: it no longer counts. Its memory is freed when a shard holds
// many expired names: then the other names move to a new table.
//
// # Results
//
// The results are the same for any number of shards. Sums of whole numbers are exact
// up to 2^53. Percentiles are exact unless a timer has too many samples to keep: see
// Config.MaxTimerSamples. Gauges follow the order of arrival: see metric.Sample.At.
package aggregate

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Config sets the limits of a Table.
type Config struct {
	// Shards is the number of receivers, at least 1.
	Shards int
	// MaxNames is the maximum number of names in all shards. Samples of further names
	// are refused.
	MaxNames int
	// MaxNameLength is the maximum length of a name as received, in bytes. It is at most
	// the constant MaxNameLength.
	MaxNameLength int
	// MaxSetMembers is the maximum number of members of a set in one shard.
	MaxSetMembers int
	// MemberKey is the key for hashing set members. Tables must have the same key if
	// their rows are merged. If it is zero, the table makes a random one.
	MemberKey [16]byte
	// MaxTimerSamples is the maximum number of samples kept of a timer in one shard,
	// at least 1. If there are more, percentiles are estimates within 1 % of a
	// sample's value. All other values stay exact.
	MaxTimerSamples int
	// Tagged says that names may carry tags after the first semicolon. Tags are clean
	// already. A point's suffix goes before them.
	Tagged bool
	// Expire is the number of flushes after which an unseen name expires, by kind; at
	// least 1.
	Expire [metric.Kinds]uint32
	// Dialect selects the rules for cleaning names.
	Dialect metric.Dialect
	// NamesAsSent says that names are not cleaned: see metric.AppendSent.
	NamesAsSent bool
}

// form is the form of the table's names.
func (c *Config) form() metric.NameForm {
	return metric.NameForm{Dialect: c.Dialect, Tagged: c.Tagged, AsSent: c.NamesAsSent}
}

// Table holds the samples since the last flush, and the names in use. Only one
// goroutine, the flushing one, may call Drain and Summarize.
type Table struct {
	config Config
	seed   maphash.Seed // of the hashes of names
	key    memberKey    // of the samples after the next Drain
	shards []*Shard
	// known is the number of names that have not expired: the live ones at the last flush, and the
	// ones added since.
	known   atomic.Int64
	aliases atomic.Int64 // in all shards
	live    int64
	clock   *clock      // of gauges
	gone    NameCounter // names that expired or were deleted; only the flushing goroutine uses it
	scratch scratch
}

// Shard is one receiver's part of a Table. A receiver takes its lock once for each batch of
// samples. The lock also guards the receiver's own counts.
type Shard struct {
	mutex    sync.Mutex
	table    *Table
	key      memberKey
	names    *names
	retiring *names      // the previous names; nil once all live names have moved
	retire   bool        // whether to begin a new names at the next flush
	flush    uint32      // number of the running flush
	fresh    int64       // names added since the last Drain
	made     NameCounter // of the same names
	// The arrival of the batch's last gauge sample by the system's clock, or noArrival; the
	// same by the table's clock; and the time that the sample got. See gaugeTime.
	wall, arrival, gaugeAt int64
	blocks                 [2]blocks
	spare                  spare
	rules                  *Rules      // nil for none
	next                   *Rules      // the rules from the next flush on; nil for the same
	resolver               Resolver    // nil if names are only cleaned
	resolved               Resolved    // the result of the last call
	hits                   []uint64    // samples since the last Drain, by rule
	aliases                [2]*aliases // young and old; nil if there are none
	mutes                  []*Mute     // nil for none
	marked                 bitmap      // records that a mute may refuse
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

// SetLimits replaces the limits. Shards, Tagged, NamesAsSent and MemberKey cannot change;
// MaxTimerSamples applies after the next Drain. Only the flushing goroutine may call it.
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

// NextMemberKey makes the samples after the next Drain have this key. Only the flushing goroutine may call it.
func (t *Table) NextMemberKey(key [16]byte) { t.key = newMemberKey(key) }

// Shard returns the i-th shard, 0 <= i < Config.Shards.
func (t *Table) Shard(i int) *Shard { return t.shards[i] }

// Names returns the number of names that have not expired. A name may count once for
// each shard that took it.
func (t *Table) Names() int { return int(t.known.Load()) }

// Lock begins a batch. Drain waits until it ends.
func (s *Shard) Lock() {
	s.mutex.Lock()
	s.wall = noArrival
}

// Unlock ends a batch.
func (s *Shard) Unlock() { s.mutex.Unlock() }

// Gauges reports whether there was a gauge in the batch so far. The shard must be locked.
func (s *Shard) Gauges() bool { return s.wall != noArrival }

// BatchSize is the best number of samples to add at once.
const BatchSize = 32

// AddAll adds samples to their names, in order. For each sample it stores in reasons the reason why it was not added,
// or metric.None. reasons must be as long as samples. It keeps none of the samples' bytes. The shard must be locked.
//
// With more names than fit in the CPU's caches, each lookup waits for memory twice.
// So all lookups of a batch begin before the first addition: then memory answers
// many of them at the same time.
func (s *Shard) AddAll(samples []metric.Sample, reasons []metric.Reason) {
	for len(samples) > 0 {
		n := min(len(samples), BatchSize)
		s.addBatch(samples[:n], reasons)
		samples, reasons = samples[n:], reasons[n:]
	}
}

// addBatch does the same as AddAll, for at most BatchSize samples.
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

// look finds the records of samples, whose hashes are in probes. The names of a client are mostly alike. So if the
// first and the last name have an alias, it searches the aliases first.
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

// Add adds one sample. See AddAll.
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

// Drain removes and returns the content of all shards since the last Drain. If cut is not nil, Drain calls it for each
// shard while that shard is locked, so that the caller can read a receiver's own counts at the same moment. The
// previous Interval must be summarised before.
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
