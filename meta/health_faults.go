package meta

import (
	"fmt"

	"github.com/statsd-ops/statsd/internal/plural"
)

// lookAtFaults adds reasons for parts of the daemon that have an error.
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
		t.say(Reason{ID: AlertUntold, Subject: n.Name, State: Degraded, Text: fmt.Sprintf("notifier %s did not accept the last message: %s", n.Name, printable(cut(n.Text, QuoteLimit)))})
	}
	if f.ConfigDiffers != "" {
		t.say(Reason{ID: ConfigDiffers, State: OK, Text: plain(f.ConfigDiffers)})
	}
	t.lookAtDescriptors(f)
}

// lookAtDescriptors adds a reason if no file descriptor was free.
func (t *Tracker) lookAtDescriptors(f *Facts) {
	w := &t.noDescriptor
	w.observe(t.now, t.slot, f.NoDescriptor)
	if w.recent(t.now) {
		t.say(Reason{ID: Descriptors, State: Degraded, Text: fmt.Sprintf("no file descriptor was free for a client %s in 15m (the limit is %d), the last time %s ago",
			plural.Things(w.within(lossWindow), "time", "times"), f.DescriptorLimit, spell(t.now.Sub(w.grew)))})
	}
}

// imbalance is a difference between the samples or points that came in and those that are accounted
// for. It counts the flushes with the same difference.
type imbalance struct {
	diff  int64
	count uint64 // number of flushes with this difference
	flush uint64 // number of the last flush with this difference
}

// brokenFor is the number of consecutive flushes that must have the same difference before the reason ledger is active.
// A difference at a single flush does not mean that the count is wrong.
const brokenFor = 3

// lookAtLedger adds a reason if samples or points have disappeared without being counted.
func (t *Tracker) lookAtLedger(f *Facts) {
	in := &f.Intake
	t.balance("", f.Flush.Count, int64(in.Samples)-int64(in.Aggregated+in.Discarded+in.RefusedNames+in.RefusedMembers+in.RefusedMuted+in.DroppedByRule), "samples")
	for i := range f.Sinks {
		s := &f.Sinks[i]
		t.balance(s.Name, f.Flush.Count, int64(s.Made+s.Recovered)-int64(s.Delivered+s.waiting()+s.dropped()), s.unit()+"s of sink "+s.Name)
	}
}

// balance adds a reason if the difference diff is not 0, and was the same at brokenFor consecutive flushes. This reason
// then stays active.
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
		t.say(Reason{ID: LedgerBroken, Subject: subject, State: Failing, Text: fmt.Sprintf("the ledger of %s does not balance: the sums of the ledger differ by %d", what, diff)})
	}
}
