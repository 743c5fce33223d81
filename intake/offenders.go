package intake

import (
	"cmp"
	"slices"

	"github.com/statsd-ops/statsd/internal/heavy"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// maxOffenders is the number of prefixes for which refusals are counted. A prefix with more than
	// 1/maxOffenders of all refusals is always counted.
	maxOffenders = 64
	// maxPrefix limits the stored bytes of a prefix.
	maxPrefix = 128
	// maxShownOffenders limits the prefixes that the monitor shows.
	maxShownOffenders = 20
)

// offenders finds the name prefixes with the most refused samples. The shard's lock guards it.
type offenders struct {
	prefixes *heavy.Counters // each entry is tagged with its reason; nil until the first refusal
}

// note counts a refused sample for the prefix of the sample's name.
func (o *offenders) note(reason metric.Reason, name []byte) {
	if o.prefixes == nil {
		o.prefixes = heavy.New(maxOffenders)
	}
	o.prefixes.Add(byte(reason), offendingPrefix(reason, name))
}

// refusal holds one lane's counts for one prefix.
type refusal struct {
	reason      metric.Reason
	prefix      string
	least, most uint64
}

// list returns a copy of the counts of all prefixes.
func (o *offenders) list() []refusal {
	if o.prefixes == nil {
		return nil
	}
	list := make([]refusal, o.prefixes.Len())
	for i := range list {
		reason, prefix := o.prefixes.Key(i)
		most, over := o.prefixes.Count(i)
		list[i] = refusal{metric.Reason(reason), string(prefix), most - over, most}
	}
	return list
}

// offendingPrefix returns the prefix to count for a refusal. For a refused new name, the prefix is
// the name up to and including its second dot, without tags. For a set that is full, the prefix is
// the whole name.
func offendingPrefix(reason metric.Reason, name []byte) []byte {
	if reason == metric.RefusedName {
		name = metric.Prefix(name)
	}
	return name[:min(len(name), maxPrefix)]
}

// refusingFlags maps a reason to the flag that sets the limit.
var refusingFlags = map[metric.Reason]string{
	metric.RefusedName:   "max-names",
	metric.RefusedMember: "max-set-members",
}

// Refused returns the prefixes with the most samples refused by limits, summed over all lanes, in
// descending order.
func (in *Intake) Refused() []meta.Refusal {
	type key struct{ limit, prefix string }
	sums := map[key]*meta.Refusal{}
	for _, l := range in.lanes {
		l.shard.Lock()
		list := l.offenders.list()
		l.shard.Unlock()
		for _, r := range list {
			at := key{refusingFlags[r.reason], string(in.cfg.Clean([]byte(r.prefix)))}
			if sums[at] == nil {
				sums[at] = &meta.Refusal{Limit: at.limit, Prefix: at.prefix}
			}
			sums[at].Max += r.most
			sums[at].Min += r.least
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
