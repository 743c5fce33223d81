package meta

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	// maxAlike is the maximum number of pairs of sender and reason that are counted.
	maxAlike = 64
	// alikeMinutes is the period over which bad lines are counted, in minutes, including the running minute.
	alikeMinutes = 15
)

// Alike are the bad samples of one host for one reason.
type Alike struct {
	Count  uint64 // in the last 15 minutes; a lower bound if pairs were forgotten
	Reason string
	Sender string // without its port; "" if unknown
	Last   []byte // the last such line
	At     int    // index of the fault in Last
}

// alikes counts bad lines by sender and reason. When there are too many pairs, the one with the fewest lines is
// forgotten.
type alikes struct {
	minute int64 // the running minute
	kept   []alikeCount
	host   []byte
	// forgotten counts the pairs that were forgotten.
	forgotten uint64
}

type alikeCount struct {
	reason  string
	host    []byte
	last    []byte
	at      int
	minutes [alikeMinutes]uint64
	sum     uint64 // of minutes
}

// add counts a bad line.
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

// place returns the index for a new pair.
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

// turn moves to the minute of a time, unless that is earlier.
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

// list returns the pairs of the last minutes, those with the most lines first.
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
