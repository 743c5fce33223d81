package meta

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	maxEpisodes     = 256
	maxEpisodeBytes = 128 << 10
)

// Episodes keeps the last 256 episodes of health problems, in at most 128 KiB, with the messages that
// notifiers got about them. An episode is the time from the beginning to the end of a problem. Any goroutine may use it.
type Episodes struct {
	host string // name and port of the daemon, for the IDs of episodes

	mu      sync.Mutex
	all     []Episode // oldest first
	version uint64    // increases with each change that must be saved
	// At this time, an episode from before a restart ends, unless its problem was seen again.
	settled time.Time

	refused map[key]bool // current problems without an episode, because there are too many episodes
	missed  uint64       // number of problems that got no episode, because too many other episodes were open
}

// NewEpisodes returns empty Episodes. The host, a name with a port, identifies the daemon.
func NewEpisodes(host string) *Episodes { return &Episodes{host: host, refused: map[key]bool{}} }

// Observe compares the daemon's health h with the health in the previous call. It returns the events that must be
// reported.
func (e *Episodes) Observe(now time.Time, h Health) (events []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := map[key]bool{}
	for i := range h.Reasons {
		r := &h.Reasons[i]
		if r.State == OK { // this is a note, not a problem
			continue
		}
		k := key{r.ID, cut(r.Subject, maxSubject)}
		held[k] = true
		events = e.hold(k, r, events)
	}
	maps.DeleteFunc(e.refused, func(k key, _ bool) bool { return !held[k] })
	for i := range e.all {
		ep := &e.all[i]
		if !ep.Ended.IsZero() || held[key{ep.Reason, ep.Subject}] || ep.resumed && now.Before(e.settled) {
			continue
		}
		ep.resumed = false
		if ep.Ended = now.Round(0); ep.Ended.Before(ep.Began) { // the clock was set back
			ep.Ended = ep.Began
		}
		events = append(events, ep.event(End, OK))
	}
	if len(events) > 0 {
		e.version++
	}
	return events
}

// hold begins or updates the episode of a current reason. It appends the resulting event to events.
func (e *Episodes) hold(k key, r *Reason, events []Event) []Event {
	ep := e.open(k)
	if ep == nil {
		if ep = e.begin(k, r); ep == nil {
			if !e.refused[k] {
				e.refused[k] = true
				e.missed++
			}
			return events
		}
		return append(events, ep.event(Begin, OK))
	}
	before, resumed := ep.State, ep.resumed
	ep.State, ep.Text, ep.Next, ep.resumed = r.State, cut(r.Text, maxText), r.Next, false
	switch {
	case before != r.State:
		return append(events, ep.event(Change, before))
	case resumed: // the episode continues after a restart
		return append(events, ep.event(Change, OK))
	}
	return events
}

func (e *Episodes) open(k key) *Episode {
	for i := range e.all {
		if ep := &e.all[i]; ep.Ended.IsZero() && ep.Reason == k.id && ep.Subject == k.subject {
			return ep
		}
	}
	return nil
}

// begin adds an episode. It returns nil if too many other episodes are open.
func (e *Episodes) begin(k key, r *Reason) *Episode {
	ep := Episode{
		Reason: k.id, Subject: k.subject, State: r.State, Text: cut(r.Text, maxText), Next: r.Next,
		Began: r.Since.Round(0),
	}
	ep.ID = e.id(&ep)
	e.all = append(e.all, ep)
	e.shrink()
	if last := &e.all[len(e.all)-1]; last.ID == ep.ID {
		return last
	}
	return nil
}

// id returns a unique ID for an episode. The ID contains the second in which the episode began.
func (e *Episodes) id(ep *Episode) string {
	for second := ep.Began.Unix(); ; second++ {
		id := e.host + "/" + ep.Reason + "/" + ep.Subject + "/" + strconv.FormatInt(second, 10)
		if e.find(id) == nil {
			return id
		}
	}
}

func (e *Episodes) find(id string) *Episode {
	for i := range e.all {
		if e.all[i].ID == id {
			return &e.all[i]
		}
	}
	return nil
}

// shrink removes episodes until their number and size are within the limits. It removes the oldest
// ended episode first. If no episode has ended, it removes the newest.
func (e *Episodes) shrink() {
	bytes := 0
	for i := range e.all {
		bytes += e.all[i].size()
	}
	for len(e.all) > maxEpisodes || bytes > maxEpisodeBytes {
		i := slices.IndexFunc(e.all, func(ep Episode) bool { return !ep.Ended.IsZero() })
		if i < 0 {
			i = len(e.all) - 1
		}
		bytes -= e.all[i].size()
		e.all = slices.Delete(e.all, i, i+1)
	}
}

// Note stores the result of a message about an episode. It sets the field Due of the stored Outcome. A call with a zero
// Outcome therefore stores that the message waits.
func (e *Episodes) Note(id, notifier string, stage Stage, o Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ep := e.find(id)
	if ep == nil {
		return
	}
	before := slices.Clone(ep.Told)
	ep.note(notifier, stage, o)
	if !slices.Equal(before, ep.Told) {
		e.version++
		e.shrink()
	}
}

// NoteLook stores whether a notifier has accepted a message with the result of a health check. Such a message reports
// the daemon's whole health. So it counts as a message about the start of all open episodes, and about the end of all
// ended episodes.
func (e *Episodes) NoteLook(notifier string, now time.Time, failed error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.all {
		ep := &e.all[i]
		stage, told := Begin, ep.told(notifier)
		if ep.resumed {
			continue
		}
		if !ep.Ended.IsZero() {
			if stage = End; told == nil {
				continue
			}
		}
		o := Outcome{Tries: 1}
		if told != nil {
			if was := told.of(stage); !was.At.IsZero() {
				continue
			} else {
				o.Tries = was.Tries + 1
			}
		}
		if failed != nil {
			o.Error = failed.Error()
		} else {
			o.At = now.Round(0)
		}
		ep.note(notifier, stage, o)
		e.version++
	}
	e.shrink()
}

// Pending returns the events that were not reported to a notifier yet, oldest first. It also
// returns the open episodes that the notifier knows.
func (e *Episodes) Pending(notifier string) (events, known []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.all {
		ep := &e.all[i]
		told := ep.told(notifier)
		switch {
		case !ep.Ended.IsZero():
			if told != nil && told.End.waits() {
				events = append(events, ep.event(End, OK))
			}
		case ep.resumed: // it is not known whether the episode has ended
			known = append(known, ep.event(Begin, OK))
		case told == nil || told.Begin.waits():
			events = append(events, ep.event(Begin, OK))
		case told.Change.waits():
			events = append(events, ep.event(Change, OK))
		default:
			known = append(known, ep.event(Begin, OK))
		}
	}
	return events, known
}

// Last returns at most limit episodes, the newest first.
func (e *Episodes) Last(limit int) (last []Episode) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.all) - 1; i >= 0 && len(last) < limit; i-- {
		last = append(last, e.all[i].clone())
	}
	return last
}

// Missed returns the number of problems that got no episode, because too many other episodes were open.
func (e *Episodes) Missed() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.missed
}
