package server

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/relay"
)

// telling tells channels of the episodes of the health. The goroutine of
// watchHealth uses it; others read.
type telling struct {
	episodes *meta.Episodes
	history  historyFile
	settings atomic.Pointer[tellSettings]
	adopted  *tellSettings
	host     string // of the daemon, with the port
	page     string // the address of the status page, "" without one

	running  sync.WaitGroup
	mu       sync.Mutex // guards channels
	channels []*channel
}

// tellSettings are the settings of a Config.
type tellSettings struct {
	service  string
	channels []Channel
}

// channel is a running Channel.
type channel struct {
	Channel
	*relay.Relay
	stop    context.CancelFunc
	failing atomic.Bool // the last attempt failed
}

// openTelling makes the episodes, and takes over the episodes of an earlier daemon.
func (s *Server) openTelling() {
	t := &s.telling
	t.host = s.hostname()
	if port := listen.Port(s.in.Addr()); port > 0 {
		t.host = net.JoinHostPort(t.host, strconv.Itoa(port))
	}
	t.episodes = meta.NewEpisodes(t.host)
	t.history.open(s.cfg.StateFile, s.log)
	t.history.load(t.episodes, time.Now().Add(max(restartPatience, 4*s.cfg.FlushInterval)))
}

// restartPatience is how long a reason may take to show again after a restart.
const restartPatience = time.Minute

func (s *Server) hostname() string {
	if s.cfg.Hostname != "" {
		return s.cfg.Hostname
	}
	if host, _, err := net.SplitHostPort(s.in.Addr().String()); err == nil {
		return host
	}
	return "localhost" // only unix sockets
}

// follow applies cfg, from the next look on.
func (t *telling) follow(cfg *Config) {
	service := cfg.MetadataPrefix
	if service == "" {
		service = "statsd"
	}
	t.settings.Store(&tellSettings{service, cfg.Channels})
}

// tellEpisodes compares the health with the last one, and tells the channels of the changes.
func (s *Server) tellEpisodes(ctx context.Context, h meta.Health) {
	t, now := &s.telling, time.Now()
	if set := t.settings.Load(); set != t.adopted {
		t.adopted = set
		s.adoptChannels(ctx, set.channels)
	}
	for _, ev := range t.episodes.Observe(now, h) {
		for _, c := range t.channels {
			t.tell(c, &ev, now)
		}
	}
	t.history.save(t.episodes, now)
}

// tell gives a channel a message about an event, if it wants that.
func (t *telling) tell(c *channel, ev *meta.Event, now time.Time) {
	stage := ev.StageFor(c.Name)
	if stage == meta.Change && c.Receiver.Manner().Ends {
		return
	}
	t.episodes.Note(ev.Episode.ID, c.Name, stage, meta.Outcome{})
	c.Add(t.message(ev, stage, c.Name), now)
}

// stages are the stages of meta in the words of notify.
var stages = [...]notify.Stage{meta.Begin: notify.Begin, meta.Change: notify.Change, meta.End: notify.End}

func (t *telling) message(ev *meta.Event, stage meta.Stage, to string) notify.Message {
	e := &ev.Episode
	m := notify.Message{
		ID: e.ID, Stage: stages[stage], State: e.State.String(), Reason: e.Reason, Subject: e.Subject,
		Text: e.Text, Effect: e.Effect(), Next: e.Next,
		Host: t.host, Service: t.adopted.service, Page: t.page, Began: e.Began, Ended: e.Ended,
		// A channel that gave messages up gets this one when it is back, which clears the reason.
		Keep: e.Reason == meta.AlertUntold && e.Subject == to && stage != meta.End,
	}
	if stage == meta.Change && ev.Before != meta.OK {
		m.Before = ev.Before.String()
	}
	return m
}

// adoptChannels starts, changes and stops relays.
func (s *Server) adoptChannels(ctx context.Context, wanted []Channel) {
	t := &s.telling
	t.mu.Lock()
	defer t.mu.Unlock()
	t.channels = slices.DeleteFunc(t.channels, func(c *channel) bool {
		gone := !slices.ContainsFunc(wanted, func(w Channel) bool { return w.Name == c.Name })
		if gone {
			c.stop()
			s.alerts.note(c.Name, nil)
		}
		return gone
	})
	for _, w := range wanted {
		i := slices.IndexFunc(t.channels, func(c *channel) bool { return c.Name == w.Name })
		switch {
		case i < 0:
			t.channels = append(t.channels, s.startChannel(ctx, w))
		case !reflect.DeepEqual(t.channels[i].Config, w.Config):
			t.channels[i].Receiver, t.channels[i].Config = w.Receiver, w.Config
			t.channels[i].Replace(w.Receiver)
		}
	}
}

// startChannel starts a relay, with the messages that the channel has not accepted yet.
func (s *Server) startChannel(ctx context.Context, w Channel) *channel {
	t := &s.telling
	ctx, stop := context.WithCancel(ctx)
	c := &channel{Channel: w, stop: stop}
	c.Relay = relay.New(w.Receiver, func(results []relay.Result) { s.noteTold(c, results) })
	events, known := t.episodes.Pending(w.Name)
	for _, ev := range known {
		c.Resume(t.message(&ev, meta.Begin, w.Name))
	}
	for _, ev := range events {
		t.tell(c, &ev, time.Now())
	}
	t.running.Go(func() { c.Run(ctx) })
	return c
}

// noteTold keeps the result of an attempt to send to a channel.
func (s *Server) noteTold(c *channel, results []relay.Result) {
	var gaveUp error
	for i := range results {
		r := &results[i]
		o := meta.Outcome{Tries: r.Tries}
		switch {
		case r.Err == nil && r.Repeat:
			continue
		case r.Err == nil:
			o.At = r.At.Round(0)
			s.alerts.count(c.Name, true)
		default:
			o.Error = r.Err.Error()
		}
		if r.GivenUp {
			o.At = r.At.Round(0)
			gaveUp = fmt.Errorf("gave up the message %s of %s after %d tries: %w", r.Message.Stage, r.Message.Name(), r.Tries, r.Err)
			s.alerts.count(c.Name, false)
			s.log.Error().Str("notifier", c.Name).Err(gaveUp).Msg("notifying failed")
		}
		s.telling.episodes.Note(r.Message.ID, c.Name, stageOf(r.Message.Stage), o)
	}
	s.noteAttempt(c, results, gaveUp)
}

// noteAttempt makes an attempt known to the health and the log.
func (s *Server) noteAttempt(c *channel, results []relay.Result, gaveUp error) {
	failed := results[0].Err
	if failed == nil || gaveUp != nil {
		s.alerts.note(c.Name, gaveUp)
	}
	switch was := c.failing.Swap(failed != nil); {
	case failed != nil && gaveUp == nil && !was:
		s.log.Warn().Str("notifier", c.Name).Err(failed).Msg("notifying failed; trying again for 10 minutes")
	case failed == nil && was:
		s.log.Warn().Str("notifier", c.Name).Msg("notifying works again")
	}
}

func stageOf(s notify.Stage) meta.Stage { return meta.Stage(slices.Index(stages[:], s)) }

// endTelling waits for the relays, whose context has ended, and keeps the history.
func (s *Server) endTelling() {
	t := &s.telling
	t.running.Wait()
	for _, c := range t.channels {
		if n := c.Waiting(); n > 0 {
			s.log.Warn().Str("notifier", c.Name).Int("messages", n).Msg("messages were not sent; with --state-file they are sent after the next start")
		}
	}
	t.history.saveLast(t.episodes, time.Now().Add(statePatience))
}

// waiting returns how many messages wait for each channel.
func (t *telling) waiting() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]int, len(t.channels))
	for _, c := range t.channels {
		all[c.Name] = c.Waiting()
	}
	return all
}
