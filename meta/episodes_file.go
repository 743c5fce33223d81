package meta

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxEpisodesFile is the maximum size of encoded episodes in bytes.
const MaxEpisodesFile = 1 << 20

// episodesFile is the content of the file that keeps the episodes across a restart.
type episodesFile struct {
	Version  int       `json:"version"`
	Episodes []Episode `json:"episodes"`
}

// Encode returns the episodes as JSON, and their version. If the version has not changed, the JSON
// has not changed.
func (e *Episodes) Encode() (text []byte, version uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text, err = json.Marshal(episodesFile{Version: 1, Episodes: e.all})
	return append(text, '\n'), e.version, err
}

// Version returns the version of the episodes. It increases with each change.
func (e *Episodes) Version() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Load adds the episodes of an earlier daemon. Times after the time now come from a clock that was wrong, and are replaced
// by now. An open episode continues if its reason is active
// again before the time in the parameter settled. If the reason is not active again by this time,
// the episode has ended.
func (e *Episodes) Load(text []byte, now, settled time.Time) error {
	var file episodesFile
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	if file.Version != 1 {
		return fmt.Errorf("the version must be 1, not %d", file.Version)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ep := range file.Episodes {
		if ep.ID == "" || ep.Began.IsZero() || ep.State == OK || rank(ep.Reason) < 0 {
			return errors.New("a past problem is not valid: it has no id or no start time, or its reason is unknown, or its state is ok")
		}
		ep.ID, ep.Subject = printable(cut(ep.ID, maxText)), printable(cut(ep.Subject, maxSubject))
		ep.Text, ep.Next = printable(cut(ep.Text, maxText)), printable(cut(ep.Next, maxText))
		ep.Began, ep.Ended = notAfter(ep.Began, now), notAfter(ep.Ended, now)
		ep.resumed = ep.Ended.IsZero()
		for i := range ep.Told {
			t := &ep.Told[i]
			t.Notifier = printable(cut(t.Notifier, maxSubject))
			for _, stage := range []Stage{Begin, Change, End} {
				o := t.of(stage)
				o.At, o.Error = notAfter(o.At, now), printable(cut(o.Error, maxError))
			}
		}
		e.all = append(e.all, ep)
	}
	e.settled = settled
	e.shrink()
	return nil
}

// notAfter returns the earlier of two times.
func notAfter(t, limit time.Time) time.Time {
	if t.After(limit) {
		return limit
	}
	return t
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(text []byte) error {
	for _, state := range []State{OK, Degraded, Failing} {
		if state.String() == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("no state %.20q", text)
}
