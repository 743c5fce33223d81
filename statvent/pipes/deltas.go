package pipes

import "github.com/statsd-ops/statsd/statvent"

// Deltas converts counters to the differences between two readings. The counters of a process start
// at 0 when the process starts.
type Deltas struct {
	// Names are the patterns for the names of counters. Other names are ignored.
	Names []Glob
	// Since separates old processes from new processes. It has the same unit as Process.Start. For a
	// process that started before Since, the counts in its first reading are ignored, because an
	// earlier reader may already have reported them. For a process that started later, the first
	// reading counts completely. A daemon sets Since to its own start, Started(os.Getpid()), so that a
	// restart of the daemon does not report all counts again. If Since is 0, every process is new.
	Since uint64

	// Refused is the number of values that were left out of results because of limits. Deltas stores at most 65,536
	// names of one process, and 1,048,576 names of all processes.
	Refused uint64

	seen  map[id]map[string]statvent.Value
	names int // total number of names in seen
}

// maxDeltas is the maximum number of names that are stored for all processes.
const maxDeltas = 1 << 20

// Update processes the next reading. For each name, it returns the sum of the differences of all processes. The
// sum is 0 if nothing changed, and negative if a counter decreased. A process without an answer adds nothing now:
// its next answer adds the whole difference. A new process with the process id of an earlier process counts as
// another process.
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

// forget removes the processes that have ended. It keeps the given processes, because they have a pipe. A process
// without a pipe may still run, because statvent for Python has no pipe for a moment after each reader. So forget
// checks the start time of each process without a pipe.
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

// Match reports whether a name matches one of the patterns in Names.
func (d *Deltas) Match(name string) bool {
	for _, g := range d.Names {
		if g.Match(name) {
			return true
		}
	}
	return false
}
