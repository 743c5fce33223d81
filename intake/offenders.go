package intake

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// maxOffenders is the number of prefixes tracked. A prefix with more than 1/maxOffenders of all
	// refusals is always among them.
	maxOffenders = 64
	// maxPrefix limits the bytes kept of a prefix.
	maxPrefix = 128
	// maxShownOffenders limits the prefixes that the monitor shows.
	maxShownOffenders = 20
)

// offenders finds the prefixes that are refused most, in constant memory and without allocations.
// It is the Space-Saving algorithm (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation
// of frequent and top-k elements in data streams", 2005). The shard's lock guards it.
type offenders struct {
	seed   maphash.Seed // set at the first refusal
	used   int
	hashes [maxOffenders]uint64
	counts [maxOffenders]uint64 // upper bounds of the refusals
	kept   [maxOffenders]offender
}

type offender struct {
	reason metric.Reason
	over   uint64 // by how much the count may be too high
	prefix [maxPrefix]byte
	length int
}

// note counts a refused sample.
func (o *offenders) note(reason metric.Reason, name []byte) {
	if o.used == 0 {
		o.seed = maphash.MakeSeed()
	}
	prefix := offendingPrefix(reason, name)
	hash := maphash.Bytes(o.seed, prefix) + uint64(reason)
	if i := slices.Index(o.hashes[:o.used], hash); i >= 0 {
		o.counts[i]++
		return
	}
	i := o.used
	if i < maxOffenders {
		o.used++
	} else {
		i = o.least()
	}
	o.hashes[i] = hash
	k := &o.kept[i]
	k.reason, k.over, k.length = reason, o.counts[i], copy(k.prefix[:], prefix)
	o.counts[i]++
}

// least returns the index of the smallest count.
func (o *offenders) least() (place int) {
	for i, n := range o.counts {
		if n < o.counts[place] {
			place = i
		}
	}
	return place
}

// offendingPrefix returns the prefix to count for a refusal: a new name up to and including its
// second dot, without tags; for a set its whole name.
func offendingPrefix(reason metric.Reason, name []byte) []byte {
	if reason == metric.RefusedName {
		name, _ = metric.CutTags(name)
		if i := bytes.IndexByte(name, '.'); i >= 0 {
			if j := bytes.IndexByte(name[i+1:], '.'); j >= 0 {
				name = name[:i+1+j+1]
			}
		}
	}
	return name[:min(len(name), maxPrefix)]
}

// refusingFlags maps a reason to the flag of the limit that refuses.
var refusingFlags = map[metric.Reason]string{
	metric.RefusedName:   "max-names",
	metric.RefusedMember: "max-set-members",
}

// Refused returns the prefixes that limits refuse most, over all lanes, the most refused first.
func (in *Intake) Refused() []meta.Refusal {
	type key struct{ limit, prefix string }
	sums := map[key]*meta.Refusal{}
	for _, l := range in.lanes {
		l.shard.Lock()
		o := l.offenders
		l.shard.Unlock()
		for i := range o.used {
			k := &o.kept[i]
			at := key{refusingFlags[k.reason], string(in.cfg.Clean(k.prefix[:k.length]))}
			if sums[at] == nil {
				sums[at] = &meta.Refusal{Limit: at.limit, Prefix: at.prefix}
			}
			sums[at].Max += o.counts[i]
			sums[at].Min += o.counts[i] - k.over
		}
	}
	all := make([]meta.Refusal, 0, len(sums))
	for _, r := range sums {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b meta.Refusal) int {
		return cmp.Or(cmp.Compare(b.Max, a.Max), cmp.Compare(b.Min, a.Min), cmp.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Limit, b.Limit))
	})
	return all[:min(len(all), maxShownOffenders)]
}
