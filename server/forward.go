package server

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// ForwardName is the name of the destination that forwards. No sink may have it.
const ForwardName = meta.ForwardName

// openForward makes the edge, if intervals are forwarded.
func (s *Server) openForward() (err error) {
	s.target = s.forwardTarget()
	if s.target.ForwardTo == "" {
		return nil
	}
	s.edge, err = forward.New(forward.Config{
		Target: s.target, Interval: s.cfg.FlushInterval, Tags: s.cfg.Tags.String(), Cache: s.cfg.settingsCache(), Log: s.log,
	})
	s.cfg.Sinks = s.withForward(s.cfg.Sinks)
	return err
}

// settingsCache returns the file that keeps the settings of the cluster, or "".
func (c *Config) settingsCache() string {
	switch {
	case c.SpoolDir != "":
		return filepath.Join(c.SpoolDir, ForwardName+".settings")
	case c.StateFile != "":
		return c.StateFile + ".cluster"
	}
	return ""
}

// withForward returns the sinks, and the destination that forwards if there is one.
func (s *Server) withForward(sinks []delivery.Destination) []delivery.Destination {
	if s.edge == nil {
		return sinks
	}
	return append(slices.Clip(sinks), delivery.Destination{
		Name: ForwardName, Address: s.target.ForwardTo, Sink: s.edge, Format: "rows", Config: s.target.ForwardTo, Forwards: true,
	})
}

// sinks returns the number of configured sinks.
func (s *Server) sinks() int {
	if s.edge != nil {
		return len(s.cfg.Sinks) - 1
	}
	return len(s.cfg.Sinks)
}

// joining is the time between two looks at whether the cluster has answered.
const joining = 100 * time.Millisecond

// join waits for the settings of the cluster, if intervals are forwarded, and gives the table the key that
// all its members have. Nothing may have been received yet. Meanwhile it does what the flush loop does
// between two flushes. It returns nil without the settings if ctx ends.
func (s *Server) join(ctx context.Context) error {
	if s.edge == nil {
		return nil
	}
	type answer struct {
		settings link.Settings
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		settings, err := s.edge.Join(ctx)
		answered <- answer{settings, err}
	}()
	for {
		select {
		case a := <-answered:
			if a.err == nil {
				s.in.Table().SetMemberKey(a.settings.MemberKey)
				s.flushedAt.Store(int64(time.Since(s.started))) // no flush was due before
			}
			if mismatch, ok := errors.AsType[*link.MismatchError](a.err); ok {
				return mismatch
			}
			return nil
		default:
			s.loop.beat()
			s.loop.rest(ctx, min(joining, s.loop.beatEvery()))
		}
	}
}

// forward gives an interval that ends at at to the cluster. It comes before Summarize.
func (s *Server) forward(iv *aggregate.Interval, at int64, tally *intake.Tally) {
	if s.edge == nil {
		return
	}
	f := s.edge.Take(iv, forward.Collected{End: at, Samples: tally.Aggregated, Sinks: s.sinks() > 0})
	s.flushes.forwarded += tally.Aggregated
	s.out.Forward(delivery.Batch{Time: at / int64(time.Second), Units: f.Units(), Encode: f.Encode}, s.cfg.FlushInterval)
}

// waitsForCluster returns why the daemon does not take samples yet, or "".
func (s *Server) waitsForCluster() string {
	if s.edge == nil {
		return ""
	}
	return errorText(s.edge.Waits())
}

// forwarded returns what this daemon has forwarded.
func (s *Server) forwarded() (q question.ClusterForward) {
	q.Reasons, q.Unowned = map[string]uint64{}, []int{}
	if s.edge == nil {
		return q
	}
	q.Address, q.Edge, q.Waits, q.State = s.target.ForwardTo, s.target.ForwardID, s.waitsForCluster(), "ok"
	if q.Waits != "" {
		q.State = "waiting"
	}
	settings, _ := s.edge.Settings()
	q.Partitions, q.Horizon, q.Tags = settings.Partitions, settings.Horizon.Seconds(), settings.Tags
	q.Part = len(s.target.ForwardMatch) > 0
	q.Unowned = append(q.Unowned, s.edge.Unowned()...)
	for _, st := range s.out.States() {
		if st.Forwards {
			addDelivery(&q, &st)
		}
	}
	run := s.edge.Run()
	q.Epoch, q.Number, q.Samples = time.Unix(0, run.Epoch), run.Number, run.Samples
	return q
}

// addDelivery adds the state of the destination that forwards.
func addDelivery(q *question.ClusterForward, st *delivery.State) {
	if st.Failing {
		q.State, q.FailingSince, q.Error = "FAILING", st.FailingSince, errorText(st.LastError)
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
