package meta

import (
	"fmt"

	"github.com/statsd-ops/statsd/internal/plural"
)

// leastRefused is the minimum number of refusals in badWindow that causes a reason.
const leastRefused = 10

// listenerMemory is what a Tracker remembers about a listener.
type listenerMemory struct{ came, refused window }

// lookAtListeners adds a reason if a listener refuses many senders, or if its socket file is
// missing.
func (t *Tracker) lookAtListeners(f *Facts) {
	for i := range f.Listeners {
		l := &f.Listeners[i]
		if l.Lost != "" {
			t.say(Reason{ID: SocketLost, Subject: l.Name, State: Degraded, Text: "the socket file of listener " + l.Name + " was removed and cannot be created again: " + plain(l.Lost)})
		}
		m := t.listeners[l.Name]
		if m == nil {
			m = &listenerMemory{}
			t.listeners[l.Name] = m
		}
		m.came.observe(t.now, t.slot, l.Came)
		grown := m.refused.observe(t.now, t.slot, l.Refused)
		n, of := m.refused.within(badWindow), m.came.within(badWindow)
		part := float64(n) / max(float64(of), 1)
		if t.hold(SendersRefused, l.Name, part >= badShare && n >= leastRefused, part >= goodShare) {
			t.say(Reason{ID: SendersRefused, Subject: l.Name, State: Degraded, Text: fmt.Sprintf("listener %s refused %s of %s in 5m (%s); since the start: %s",
				l.Name, plural.Count(n), plural.Things(of, "datagram or connection", "datagrams and connections"), percent(n, of), l.Why)})
		}
		t.noteLoss(loss{id: SendersRefused, subject: l.Name, level: Degraded, say: func(n uint64) string {
			return fmt.Sprintf("listener %s refused %s (since the start: %s)", l.Name, plural.Things(n, "datagram or connection", "datagrams and connections"), l.Why)
		}}, l.Refused, grown)
	}
}
