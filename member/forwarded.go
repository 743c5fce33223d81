package member

import (
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// forwarded returns the counts of forwarded data.
func (m *Member) forwarded(sinks []delivery.State) (q question.ClusterForward) {
	q.Reasons, q.Unowned = map[string]uint64{}, []int{}
	if m.edge == nil {
		return q
	}
	q.Address, q.Edge, q.Waits, q.State = m.Target.ForwardTo, m.Target.ForwardID, m.Waits(), "ok"
	if q.Waits != "" {
		q.State = "waiting"
	}
	settings, _ := m.edge.Settings()
	q.Partitions, q.Horizon, q.Tags = settings.Partitions, settings.Horizon.Seconds(), settings.Tags
	q.Part = len(m.Target.ForwardMatch) > 0
	q.Unowned = append(q.Unowned, m.edge.Unowned()...)
	for i := range sinks {
		if sinks[i].Forwards {
			addDelivery(&q, &sinks[i])
		}
	}
	run := m.edge.Run()
	q.Epoch, q.Number, q.Samples = time.Unix(0, run.Epoch), run.Number, run.Samples
	return q
}

// addDelivery adds the state of the destination that forwards.
func addDelivery(q *question.ClusterForward, st *delivery.State) {
	if st.Failing {
		q.State, q.FailingSince, q.Error = "FAILING", st.FailingSince, meta.ErrorText(st.LastError)
	}
	q.Accepted = st.Published
	if st.Oldest > 0 {
		q.Behind = max(time.Since(time.Unix(st.Oldest, 0)).Seconds(), 0)
	}
	q.Made, q.Recovered, q.Acknowledged = st.Made, st.Recovered, st.Delivered
	q.Queued, q.Spooled, q.Dropped = st.Queued, st.Spooled, st.Dropped
	q.Difference = int64(st.Made+st.Recovered) - int64(st.Delivered+st.Waiting()+st.Dropped)
	r := st.Reasons
	for reason, n := range map[string]uint64{"full": r.Full, "damaged": r.Damaged, "unsendable": r.Unsendable, "refused": r.Refused, "removed": r.Removed} {
		if n > 0 {
			q.Reasons[reason] = n
		}
	}
	q.SpoolBytes, q.SpoolMax = st.SpoolBytes, st.MaxSpoolBytes
}
