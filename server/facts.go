package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/meta"
)

// listenerFacts returns the facts about each listener that has its own figures.
func listenerFacts(t *intake.Tally, in *intake.State) (all []meta.ListenerFacts) {
	for i := range in.Listeners {
		at := &in.Listeners[i]
		c := at.Counts(t)
		f := meta.ListenerFacts{Name: at.Name, Came: c.Datagrams + c.Connections, Lost: meta.ErrorText(at.Lost)}
		var why []string
		for _, refusal := range at.Scheme.Refusals() {
			if n := c.Refused[refusal]; n > 0 {
				f.Refused += n
				why = append(why, fmt.Sprintf("%s %d", refusal, n))
			}
		}
		f.Why = strings.Join(why, ", ")
		all = append(all, f)
	}
	return all
}

// sinkFactsOf returns the facts about a destination.
func sinkFactsOf(st *delivery.State) meta.SinkFacts {
	if r := st.Recorder; r != nil {
		return meta.SinkFacts{
			Name: st.Name, Removed: st.Removed, Recorder: true, Full: r.Full,
			Made: r.Made, Delivered: r.Delivered, DroppedFull: r.Dropped, Queued: r.Made - r.Delivered - r.Dropped,
		}
	}
	f := meta.SinkFacts{
		Name: st.Name, Removed: st.Removed, Forwards: st.Forwards,
		Failing: st.Failing, FailingSince: st.FailingSince, Error: meta.ErrorText(st.LastError), Accepted: st.Published,
		Made: st.Made, Recovered: st.Recovered, Delivered: st.Delivered, Queued: st.Queued, Spooled: st.Spooled,
		DroppedFull: st.Reasons.Full, DroppedDamaged: st.Reasons.Damaged, DroppedUnsendable: st.Reasons.Unsendable,
		DroppedRefused: st.Reasons.Refused, DroppedRemoved: st.Reasons.Removed,
		Unconfirmed: st.Unconfirmed,
		SpoolFault:  meta.ErrorText(st.SpoolFault), SpoolBytes: st.SpoolBytes, SpoolMax: st.MaxSpoolBytes,
	}
	if st.Oldest > 0 {
		f.Oldest = time.Unix(st.Oldest, 0)
	}
	return f
}
