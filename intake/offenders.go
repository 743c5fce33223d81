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
	// maxOffenders is how many prefixes are followed. A prefix with more than
	// this part of all refusals is among them.
	maxOffenders = 64
	// maxPrefix is how many bytes of a prefix are kept.
	maxPrefix = 128
	// maxShownOffenders is how many the monitor lists.
	maxShownOffenders = 20
)

// offenders finds the prefixes that are refused most, in little memory and without
// allocations: the Space-Saving algorithm (A. Metwally, D. Agrawal, A. El Abbadi,
// "Efficient computation of frequent and top-k elements in data streams",
// 2005). The shard's lock guards it.
type offenders struct {
	seed   maphash.Seed // set at the first refusal
	used   int
	hashes [maxOffenders]uint64
	counts [maxOffenders]uint64 // at most so many were refused
	kept   [maxOffenders]offender
}

type offender struct {
	reason metric.Reason
	over   uint64 // by how much its count may be too high
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

// least returns the place of the smallest count.
func (o *offenders) least() (place int) {
	for i, n := range o.counts {
		if n < o.counts[place] {
			place = i
		}
	}
	return place
}

// offendingPrefix returns the prefix that a refusal counts for: the part of a new name up to
// and with its second dot, without tags; or the name of a set.
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

// refusingFlags are the flags of the limits that refuse.
var refusingFlags = map[metric.Reason]string{
	metric.RefusedName:   "max-names",
	metric.RefusedMember: "max-set-members",
}

// Refused returns the prefixes that limits refuse most, over all lanes, the busiest first.
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
			sums[at].Most += o.counts[i]
			sums[at].Least += o.counts[i] - k.over
		}
	}
	all := make([]meta.Refusal, 0, len(sums))
	for _, r := range sums {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b meta.Refusal) int {
		return cmp.Or(cmp.Compare(b.Most, a.Most), cmp.Compare(b.Least, a.Least), cmp.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Limit, b.Limit))
	})
	return all[:min(len(all), maxShownOffenders)]
}
