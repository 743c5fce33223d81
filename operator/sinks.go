package operator

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta/question"
)

func (d *Desk) sinks(context.Context, question.Arguments) (any, error) {
	return d.sinksNow(time.Now()), nil
}

// sinksNow returns the configured sinks, in their order.
func (d *Desk) sinksNow(now time.Time) []question.Sink {
	sinks := []question.Sink{}
	for _, st := range d.Sinks() {
		if !st.Removed {
			sinks = append(sinks, sinkOf(&st, now))
		}
	}
	return sinks
}

func sinkOf(st *delivery.State, now time.Time) question.Sink {
	if r := st.Recorder; r != nil {
		return question.Sink{Name: st.Name, State: "ok", Waiting: r.Made - r.Delivered - r.Dropped, Dropped: r.Dropped}
	}
	s := question.Sink{
		Name:     st.Name,
		State:    "ok",
		Accepted: st.Published,
		Waiting:  st.Waiting(),
		Dropped:  st.Dropped,
		Queue:    question.Store{Points: st.Queued, Bytes: uint64(st.QueueBytes), MaxBytes: uint64(st.MaxQueueBytes)},
		Spool:    question.Store{Points: st.Spooled, Bytes: uint64(st.SpoolBytes), MaxBytes: uint64(st.MaxSpoolBytes)},
	}
	if st.Oldest > 0 {
		s.Behind = max(now.Sub(time.Unix(st.Oldest, 0)).Seconds(), 0)
	}
	if st.Failing {
		s.State = "FAILING"
		if st.LastError != nil {
			s.Error = st.LastError.Error()
		}
	}
	return s
}
