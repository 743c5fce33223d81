package meta

import (
	"fmt"

	"github.com/statsd-ops/statsd/internal/plural"
)

// lookAtFaults checks the parts that either work or fail.
func (t *Tracker) lookAtFaults(f *Facts) {
	for _, fault := range []struct{ id, text, before string }{
		{PipesFailing, f.PipesFault, "the stat pipes cannot be read: "},
		{StateFile, f.StateFault, "the gauges cannot be saved: "},
	} {
		if fault.text != "" {
			t.say(Reason{ID: fault.id, State: Degraded, Text: fault.before + plain(fault.text)})
		}
	}
	for _, n := range f.Untold {
		t.say(Reason{ID: AlertUntold, Subject: n.Name, State: Degraded, Text: fmt.Sprintf("notifier %s did not take the last message: %s", n.Name, printable(cut(n.Text, QuoteLimit)))})
	}
	t.lookAtDescriptors(f)
}

// lookAtDescriptors checks whether file descriptors ran out.
func (t *Tracker) lookAtDescriptors(f *Facts) {
	w := &t.noDescriptor
	w.observe(t.now, t.slot, f.NoDescriptor)
	if w.recent(t.now) {
		t.say(Reason{ID: Descriptors, State: Degraded, Text: fmt.Sprintf("no file descriptor was free %s in 15m (%d allowed), the last %s ago",
			plural.Things(w.within(lossWindow), "time", "times"), f.DescriptorLimit, spell(t.now.Sub(w.grew)))})
	}
}

// imbalance is the difference in a sum of the ledger.
type imbalance struct {
	diff  int64
	count uint64 // number of flushes at which it was seen
	flush uint64 // the last of them
}

// brokenFor is the number of flushes at which a sum must be wrong by the same amount.
// A difference at a single flush is not a bug.
const brokenFor = 3

// lookAtLedger checks whether samples or points were lost without a count.
func (t *Tracker) lookAtLedger(f *Facts) {
	in := &f.Intake
	t.balance("", f.Flush.Count, int64(in.Samples)-int64(in.Aggregated+in.Discarded+in.RefusedNames+in.RefusedMembers+in.RefusedMuted+in.DroppedByRule), "samples")
	for i := range f.Sinks {
		s := &f.Sinks[i]
		t.balance(s.Name, f.Flush.Count, int64(s.Made+s.Recovered)-int64(s.Delivered+s.waiting()+s.dropped()), s.unit()+"s of sink "+s.Name)
	}
}

// balance reports a sum that is wrong for brokenFor flushes. Once reported, the reason never ends.
func (t *Tracker) balance(subject string, flush uint64, diff int64, what string) {
	b := t.ledger[subject]
	before := t.open(LedgerBroken, subject)
	switch {
	case before != nil:
		t.say(Reason{ID: LedgerBroken, Subject: subject, State: Failing, Since: before.Since, Text: before.Text})
		return
	case diff == 0:
		delete(t.ledger, subject)
		return
	case diff != b.diff:
		b = imbalance{diff: diff, count: 1, flush: flush}
	case flush != b.flush:
		b.count, b.flush = b.count+1, flush
	}
	t.ledger[subject] = b
	if b.count >= brokenFor {
		t.say(Reason{ID: LedgerBroken, Subject: subject, State: Failing, Text: fmt.Sprintf("the ledger of %s does not balance: it is off by %d", what, diff)})
	}
}
