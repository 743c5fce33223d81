package alert

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/relay"
)

// channel is a Channel with a running relay, which sends the messages.
type channel struct {
	Channel
	*relay.Relay
	stop    context.CancelFunc
	failing atomic.Bool // the last attempt to send failed
}

// Observe compares the daemon's health with the health at the last call, and informs the channels
// about changes. Only one goroutine may call it. After the last call, this goroutine must call End.
func (a *Alerts) Observe(ctx context.Context, h meta.Health) {
	now := time.Now()
	if set := a.audience.Load(); set != a.adopted {
		a.adopted = set
		a.adoptChannels(ctx, set.Channels)
	}
	for _, ev := range a.episodes.Observe(now, h) {
		for _, c := range a.channels {
			a.tell(c, &ev, now)
		}
	}
	a.history.save(a.episodes, now)
}

// tell queues a message about an event for a channel. It skips changes if the channel wants only
// the start and the end of an episode.
func (a *Alerts) tell(c *channel, ev *meta.Event, now time.Time) {
	stage := ev.StageFor(c.Name)
	if stage == meta.Change && c.Receiver.Manner().Ends {
		return
	}
	a.episodes.Note(ev.Episode.ID, c.Name, stage, meta.Outcome{})
	c.Add(a.message(ev, stage, c.Name), now)
}

// stages converts the stages of package meta to the stages of package notify.
var stages = [...]notify.Stage{meta.Begin: notify.Begin, meta.Change: notify.Change, meta.End: notify.End}

func (a *Alerts) message(ev *meta.Event, stage meta.Stage, to string) notify.Message {
	e := &ev.Episode
	m := notify.Message{
		ID: e.ID, Stage: stages[stage], State: e.State.String(), Reason: e.Reason, Subject: e.Subject,
		Text: e.Text, Effect: e.Effect(), Next: e.Next,
		Host: a.Host, Service: cmp.Or(a.adopted.service, "statsd"), Page: a.page, Began: e.Began, Ended: e.Ended,
		// This message says that the channel has missed messages. Keep the message until the channel accepts it,
		// because the health reason alert_untold stays active until then.
		Keep: e.Reason == meta.AlertUntold && e.Subject == to && stage != meta.End,
	}
	if stage == meta.Change && ev.Before != meta.OK {
		m.Before = ev.Before.String()
	}
	return m
}

// adoptChannels starts, replaces and stops channels after a change of the configuration.
func (a *Alerts) adoptChannels(ctx context.Context, wanted []Channel) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.channels = slices.DeleteFunc(a.channels, func(c *channel) bool {
		gone := !slices.ContainsFunc(wanted, func(w Channel) bool { return w.Name == c.Name })
		if gone {
			c.stop()
			a.results.note(c.Name, nil)
		}
		return gone
	})
	for _, w := range wanted {
		i := slices.IndexFunc(a.channels, func(c *channel) bool { return c.Name == w.Name })
		switch {
		case i < 0:
			a.channels = append(a.channels, a.startChannel(ctx, w))
		case !reflect.DeepEqual(a.channels[i].Config, w.Config):
			a.channels[i].Receiver, a.channels[i].Config = w.Receiver, w.Config
			a.channels[i].Replace(w.Receiver)
		}
	}
}

// startChannel starts a channel. It queues the messages that the channel has not accepted in an
// earlier run.
func (a *Alerts) startChannel(ctx context.Context, w Channel) *channel {
	ctx, stop := context.WithCancel(ctx)
	c := &channel{Channel: w, stop: stop}
	c.Relay = relay.New(w.Receiver, func(results []relay.Result) { a.noteTold(c, results) })
	events, known := a.episodes.Pending(w.Name)
	for _, ev := range known {
		c.Resume(a.message(&ev, meta.Begin, w.Name))
	}
	for _, ev := range events {
		a.tell(c, &ev, time.Now())
	}
	a.running.Go(func() { c.Run(ctx) })
	return c
}

// noteTold stores the results of an attempt to send messages to a channel.
func (a *Alerts) noteTold(c *channel, results []relay.Result) {
	var gaveUp error
	for i := range results {
		r := &results[i]
		o := meta.Outcome{Tries: r.Tries}
		switch {
		case r.Err == nil && r.Repeat:
			continue
		case r.Err == nil:
			o.At = r.At.Round(0)
			a.results.count(c.Name, true)
		default:
			o.Error = r.Err.Error()
		}
		if r.GivenUp {
			o.At = r.At.Round(0)
			gaveUp = fmt.Errorf("dropped the %s message of the problem %s after %d attempts: %w", r.Message.Stage, r.Message.Name(), r.Tries, r.Err)
			a.results.count(c.Name, false)
			a.Log.Error().Str("notifier", c.Name).Err(gaveUp).Msg("notifying failed")
		}
		a.episodes.Note(r.Message.ID, c.Name, stageOf(r.Message.Stage), o)
	}
	a.noteAttempt(c, results, gaveUp)
}

// noteAttempt stores the result of an attempt to send messages, because the daemon's health depends on it.
// It logs the first failure, and the first success after failures.
func (a *Alerts) noteAttempt(c *channel, results []relay.Result, gaveUp error) {
	failed := results[0].Err
	if failed == nil || gaveUp != nil {
		a.results.note(c.Name, gaveUp)
	}
	switch was := c.failing.Swap(failed != nil); {
	case failed != nil && gaveUp == nil && !was:
		a.Log.Warn().Str("notifier", c.Name).Err(failed).Msg("notifying failed; trying again for 10 minutes")
	case failed == nil && was:
		a.Log.Warn().Str("notifier", c.Name).Msg("notifying works again")
	}
}

func stageOf(s notify.Stage) meta.Stage { return meta.Stage(slices.Index(stages[:], s)) }

// endPatience is the maximum time that the shutdown waits until the episodes are saved.
const endPatience = time.Second

// End waits until all relays have ended, and then saves the episodes. The context of Observe must have ended.
func (a *Alerts) End() {
	a.running.Wait()
	for _, c := range a.channels {
		if n := c.Waiting(); n > 0 {
			a.Log.Warn().Str("notifier", c.Name).Int("messages", n).Msg("messages were not sent; with --state-file they would be sent after the next start")
		}
	}
	a.history.saveLast(a.episodes, time.Now().Add(endPatience))
}
