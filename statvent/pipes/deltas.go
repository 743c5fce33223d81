package pipes

import "github.com/statsd-ops/statsd/statvent"

// Deltas turns counters, which processes keep since they started, into the differences between two
// readings.
type Deltas struct {
	// Names match the counters. Other names are ignored.
	Names []Glob
	// Since distinguishes old processes from new ones, in the unit of Process.Start. The counts that an older process
	// has at its first reading are ignored: an earlier reader may have reported them. A newer process starts from 0. A
	// daemon sets its own start (Started(os.Getpid())), so that a restart does not report everything again. With 0
	// every process is new.
	Since uint64

	// Refused counts the values that were left out of a result, because Deltas remembers at most
	// 65,536 names of one process and 1,048,576 of all.
	Refused uint64

	seen  map[id]map[string]statvent.Value
	names int // in seen
}

// maxDeltas is the largest number of names that are remembered, of all processes.
const maxDeltas = 1 << 20

// Update takes the processes of the next reading. It returns for each name the sum of the
// differences: 0 if nothing changed, negative if a counter fell. A process without an answer adds
// nothing now, and the whole difference at its next answer. A new process with the pid of an
// earlier one is another process.
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

// forget drops the processes that are gone. A process without a pipe may be alive: statvent for
// Python has no pipe for a moment after each reader.
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
