package meta

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	// maxAlike is the maximum number of pairs of sender and reason.
	maxAlike = 64
	// alikeMinutes is the period in which bad lines are counted, in minutes. It includes the current
	// minute.
	alikeMinutes = 15
)

// Alike counts the bad samples that came from one host for one reason.
type Alike struct {
	Count  uint64 // count of the last 15 minutes; too low if the pair of sender and reason was forgotten in this time
	Reason string
	Sender string // address without the port; "" if unknown
	Last   []byte // the last of the bad lines
	At     int    // position of the fault in Last
}

// alikes counts bad lines by pairs of sender and reason. If there are too many pairs, it forgets
// the pair with the fewest lines.
type alikes struct {
	minute int64 // the current minute
	kept   []alikeCount
	host   []byte
	// forgotten is the number of forgotten pairs.
	forgotten uint64
}

type alikeCount struct {
	reason  string
	host    []byte
	last    []byte
	at      int
	minutes [alikeMinutes]uint64
	sum     uint64 // sum of the counts in the field minutes
}

func (a *alikes) add(l *BadLine) {
	a.turn(l.Time)
	a.host = l.Sender.AppendHost(a.host[:0])
	i := slices.IndexFunc(a.kept, func(c alikeCount) bool { return c.reason == l.Reason && bytes.Equal(c.host, a.host) })
	if i < 0 {
		i = a.place()
		c := &a.kept[i]
		*c = alikeCount{reason: l.Reason, host: append(c.host[:0], a.host...), last: c.last[:0]}
	}
	c := &a.kept[i]
	c.minutes[a.minute%alikeMinutes]++
	c.sum++
	c.last, c.at = append(c.last[:0], l.Line[:min(len(l.Line), QuoteLimit+1)]...), l.At
}

// place returns an index for a new pair. If there are too many pairs, it is the index of the pair
// with the fewest lines.
func (a *alikes) place() (least int) {
	if len(a.kept) < maxAlike {
		a.kept = append(a.kept, alikeCount{})
		return len(a.kept) - 1
	}
	for i := range a.kept {
		if a.kept[i].sum < a.kept[least].sum {
			least = i
		}
	}
	if a.kept[least].sum > 0 {
		a.forgotten++
	}
	return least
}

// turn advances to the minute of the given time. It does nothing if that minute is in the past.
func (a *alikes) turn(now time.Time) {
	minute := now.Unix() / 60
	if minute <= a.minute {
		return
	}
	for steps := min(minute-a.minute, alikeMinutes); steps > 0; steps-- {
		at := (minute - steps + 1) % alikeMinutes
		for i := range a.kept {
			c := &a.kept[i]
			c.sum -= c.minutes[at]
			c.minutes[at] = 0
		}
	}
	a.minute = minute
}

// list returns the pairs of the last 15 minutes, sorted by their counts.
func (a *alikes) list(now time.Time) (all []Alike) {
	a.turn(now)
	for i := range a.kept {
		if c := &a.kept[i]; c.sum > 0 {
			all = append(all, Alike{Count: c.sum, Reason: c.reason, Sender: string(c.host), Last: bytes.Clone(c.last), At: c.at})
		}
	}
	slices.SortFunc(all, func(x, y Alike) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Sender, y.Sender), strings.Compare(x.Reason, y.Reason))
	})
	return all
}
