package member

import (
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/metric"
)

// Times are the settings that define when one cluster replaces another.
type Times struct {
	Interval time.Duration
	Target   *forward.Target
	Next     *forward.Next
	Cluster  *collect.Cluster
}

// Validate returns an error unless each interval belongs to exactly one cluster. The error names
// the flag.
func (t Times) Validate() error {
	for _, at := range []struct {
		flag, url, key string
		time           time.Time
	}{
		{"--forward", t.Target.ForwardTo, "from", t.Target.ForwardAfter},
		{"--forward", t.Next.NextTo, "from", t.Next.NextAfter},
		{"--collect", t.Cluster.CollectFrom, "from", t.Cluster.CollectAfter},
		{"--collect", t.Cluster.CollectFrom, "until", t.Cluster.CollectUntil},
	} {
		if err := t.onBoundary(at.time); err != nil {
			return metric.FlagErrorf(at.flag, at.url, "%s: %w", at.key, err)
		}
	}
	if err := t.validateForward(); err != nil {
		return metric.FlagErrorf("--forward", t.Target.ForwardTo, "%w", err)
	}
	if err := t.validateCollect(); err != nil {
		return metric.FlagErrorf("--collect", t.Cluster.CollectFrom, "%w", err)
	}
	return nil
}

// onBoundary returns an error if the time is neither zero nor the end of a flush interval.
func (t Times) onBoundary(at time.Time) error {
	floor := time.Unix(0, clock.Floor(at.UnixNano(), int64(t.Interval)))
	if at.IsZero() || at.Equal(floor) {
		return nil
	}
	text := func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
	return fmt.Errorf("%s is not the end of a flush interval of %v: the nearest ends are %s and %s",
		text(at), t.Interval, text(floor), text(floor.Add(t.Interval)))
}

// validateForward checks the start times of the clusters to which the daemon forwards. The first cluster must start
// before the second one. A single cluster must not start in the future.
func (t Times) validateForward() error {
	first, second := t.Target.ForwardAfter, t.Next.NextAfter
	if after := t.Cluster.CollectAfter; !after.IsZero() && t.Next.NextTo == "" {
		second = after // the next cluster is the cluster whose data the daemon collects
	}
	switch {
	case t.Target.ForwardTo == "":
		return nil
	case !second.IsZero() && !first.Before(second):
		return errors.New("from=TIME must be earlier than from=TIME in the URL of the next cluster")
	case second.IsZero() && first.After(time.Now()):
		return fmt.Errorf("from=TIME is in the future, so nothing would be forwarded before %s: add a second --forward with the URL of the cluster that gets the data until then", first.UTC().Format(time.RFC3339))
	}
	return nil
}

// validateCollect checks the times of the cluster whose data the daemon collects. If the cluster
// has a start, another cluster must precede it. If the cluster has an end, another cluster must
// follow it.
func (t Times) validateCollect() error {
	c := t.Cluster
	switch {
	case c.CollectFrom == "":
		return nil
	case c.CollectUntil.IsZero() && c.CollectAfter.After(time.Now()) && t.Target.ForwardTo == "":
		return errors.New("from=TIME needs --forward with the URL of the cluster that gets the samples of this daemon until that time")
	case !c.CollectAfter.IsZero() && t.Target.ForwardTo != "" && t.Next.NextTo != "":
		return errors.New("with from=TIME, give only one --forward: from that time on, this daemon sends its own samples to the cluster of its --collect")
	case c.CollectUntil.IsZero():
		return nil
	case t.Next.NextTo == "" || !t.Next.NextAfter.Equal(c.CollectUntil):
		return errors.New("until=TIME needs --forward with the URL of the cluster that takes over; that URL must have from= with the same time")
	case t.Next.NextTo == c.CollectFrom:
		return errors.New("until=TIME: --forward has the same cluster as --collect: use a different prefix or port for the new cluster")
	case t.Target.ForwardTo != "":
		return errors.New("with until=TIME, give only one --forward: until that time, this daemon sends its own samples to the cluster of its --collect")
	case !c.CollectAfter.Before(c.CollectUntil):
		return errors.New("until=TIME must be later than from=TIME")
	}
	return nil
}
