package collect

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// A cluster ends at Config.Until, and another cluster, the successor, continues. The successor
// needs the old cluster's state after its last window: the values of gauges, and names that are
// still published although they are idle. So the owner of each old partition hands its names over.
// Like an edge, it sends rows to the successor. The rows belong to the windows in which the names
// were last seen. The successor merges these windows, but does not publish them. If late data
// changes the old partition later, its owner hands the names over again.

const (
	// maxUnseen is the maximum number of windows between the end of the cluster and the window of a row that is handed
	// over. If a name was last seen earlier, its row gets the window that is maxUnseen windows before the end.
	maxUnseen = 30
	// handOverPatience is the maximum duration of one attempt to hand over. handOverAgain is the time
	// between two attempts.
	handOverPatience = 5 * time.Second
	handOverAgain    = time.Second
	// maxHandedAtOnce is the maximum number of messages that are sent at the same time.
	maxHandedAtOnce = 16
	// handOverPace is a duration. The row of a gauge that is handed over has a time in the last second of its window. This
	// time is 1 ns later for each handOverPace that has passed since the end of the cluster. So if the gauge is handed
	// over again, the new row has a later time, and its value wins.
	handOverPace = 10 * time.Microsecond
)

// over reports whether the cluster's last window is closed.
func (p *partition) over() bool { return p.until > 0 && p.next > p.until }

// elsewhere reports whether a message belongs to an earlier or a later cluster. A message for a
// window up to Config.From belongs to this cluster only if it contains names that were handed over.
// The rows of such a message have no samples.
func (p *partition) elsewhere(h *partial.Header) bool {
	window := h.End / p.interval
	return p.until > 0 && window > p.until || window <= p.from && (h.Samples > 0 || window < p.from-maxUnseen)
}

// handOver hands the state after the last window over to the successor, if this is not done yet.
func (p *partition) handOver(ctx context.Context) error {
	now := time.Now()
	if !p.over() || p.handed || p.cfg.Successor == nil || now.Sub(p.triedToHand) < handOverAgain {
		return nil
	}
	if err := p.confirm(ctx); err != nil {
		return err
	}
	p.state.skipTo(p.until + 1)
	err := p.sendState(ctx, p.cfg.Successor(), now)
	p.triedToHand, p.handed = time.Now(), err == nil
	switch {
	case err == nil:
		p.log.Info().Int("names", p.state.table.Names()).Msg("this cluster has ended: its names were handed over to the next cluster")
	case now.Sub(p.toldOfHanding) > time.Minute:
		p.toldOfHanding = now
		p.log.Error().Err(err).Msg("the names cannot be handed over to the next cluster: trying again; do not stop this owner")
	}
	return ctx.Err()
}

// sendState sends the state to the successor, and returns when all messages are acknowledged.
func (p *partition) sendState(ctx context.Context, to link.Sender, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, handOverPatience)
	defer cancel()
	settings, err := to.Settings(ctx)
	if err != nil {
		return fmt.Errorf("cannot get the settings of the cluster that takes over: %w", err)
	}
	messages, err := p.stateMessages(settings, now)
	if err != nil {
		return err
	}
	results := make([]error, len(messages))
	var sending sync.WaitGroup
	room := make(chan struct{}, maxHandedAtOnce)
	for i := range messages {
		room <- struct{}{}
		sending.Go(func() {
			defer func() { <-room }()
			results[i] = to.Send(ctx, messages[i])
		})
	}
	sending.Wait()
	for _, err := range results {
		if err != nil {
			return err
		}
	}
	return nil
}

// stateMessages encodes the state as messages for a cluster with the given settings.
func (p *partition) stateMessages(settings link.Settings, now time.Time) (messages []link.Message, err error) {
	id := fmt.Sprintf("%d@%s", p.number, p.cfg.ID)
	encoder, err := partial.NewEncoder(id[:min(len(id), partial.MaxEdge)], now.UnixNano(), settings.Partitions)
	if err != nil {
		return nil, err
	}
	limit := min(maxUnseen, int64(settings.Horizon/settings.Interval)/2)
	rows := map[int64]*partial.Rows{} // the rows of each window
	for _, k := range p.state.known() {
		window := p.until - min(int64(k.Unseen), limit)
		if rows[window] == nil {
			rows[window] = partial.NewRows(settings.Partitions)
			rows[window].Begin(p.end(window))
		}
		rows[window].Add(rowOf(&k, p.handedAt(window, now)))
	}
	for window, r := range rows {
		of := partial.Interval{Number: uint64(p.until-window) + 1, End: p.end(window)}
		encoder.Encode(of, r, func(h partial.Header, b []byte) {
			if h.Rows > 0 {
				messages = append(messages, link.Message{Partition: h.Partition, ID: h.ID(), Data: slices.Clone(b)})
			}
		})
	}
	return messages, nil
}

// handedAt returns the time of the row of a gauge that is handed over. The gauge was last seen in
// the given window.
func (p *partition) handedAt(window int64, now time.Time) int64 {
	since := now.UnixNano() - p.end(p.until)
	return p.end(window) - int64(time.Second) + min(max(since/int64(handOverPace), 0), int64(time.Second)-1)
}

// rowOf returns a row that makes a name known to the successor. The row's window is not published,
// so only the value of a gauge matters.
func rowOf(k *aggregate.Known, at int64) *aggregate.Row {
	r := &aggregate.Row{Kind: k.Kind, Name: k.Name}
	switch k.Kind {
	case metric.Gauge:
		r.Set = aggregate.GaugeChange{At: at, Value: k.Value}
	case metric.Timer:
		r.Samples, r.Weight = []float64{0}, 1
	case metric.Set:
		r.Members = []uint64{1}
	}
	return r
}
