package pipes

import "github.com/statsd-ops/statsd/statvent"

// Deltas turns counts that processes keep since they started into what was
// counted between two readings.
type Deltas struct {
	// Names are the counts; a name that none matches is left alone.
	Names []Glob
	// Since tells old processes from new, in the unit of Process.Start. What an
	// older process counted before it was first read is history, and was
	// perhaps reported by somebody else; a newer one starts from 0. A daemon
	// sets its own start (Started(os.Getpid())), so that restarting it does not
	// report everything again. 0 makes every process a new one.
	Since uint64

	// Refused is how often a value was left out of a result, because more names of
	// processes would have to be remembered than 65,536 of one, or 1,048,576 of all.
	Refused uint64

	seen  map[id]map[string]statvent.Value
	names int // in seen
}

// maxDeltas bounds the names that are remembered, of all processes.
const maxDeltas = 1 << 20

// Update takes the processes of the next reading and returns, a name, the sum of
// their differences: 0 where nothing changed, and negative where a count fell.
// A process that gave no answer adds nothing now, and all at its next answer;
// one that is gone adds nothing any more. Another process with the same pid is
// a new one.
func (d *Deltas) Update(processes []Process) map[string]statvent.Value {
	if d.seen == nil {
		d.seen = make(map[id]map[string]statvent.Value)
	}
	sums := make(map[string]statvent.Value)
	here := make(map[id]bool, len(processes))
	for _, p := range processes {
		who := id{p.PID, p.Start}
		here[who] = true
		before, known := d.seen[who]
		if p.Err != nil {
			continue
		}
		if !known {
			before = make(map[string]statvent.Value)
			d.seen[who] = before
		}
		for name, value := range p.Stats {
			if !d.Match(name) {
				continue
			}
			old, ok := before[name]
			if !ok {
				if len(before) == statvent.MaxNames || d.names == maxDeltas {
					d.Refused++
					continue
				}
				d.names++
			}
			before[name] = value
			if !known && p.Start <= d.Since {
				old = value
			}
			sums[name] = sums[name].Add(value.Sub(old))
		}
	}
	d.forget(here)
	return sums
}

// forget drops the processes that are gone. To have no pipe is not to be gone:
// statvent for Python has none for a moment after each reader.
func (d *Deltas) forget(here map[id]bool) {
	for who := range d.seen {
		if here[who] {
			continue
		}
		if start, err := Started(who.pid); err != nil || start != who.start {
			d.names -= len(d.seen[who])
			delete(d.seen, who)
		}
	}
}

// Match reports whether a name is one of Names.
func (d *Deltas) Match(name string) bool {
	for _, g := range d.Names {
		if g.Match(name) {
			return true
		}
	}
	return false
}
