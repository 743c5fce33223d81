// Package pipes reads the statvent pipes of a host and merges their stats.
//
//	reader := pipes.Reader{}
//	result, err := reader.Read(ctx)
//	var merger pipes.Merger
//	stats := merger.Merge(result.Processes)
//
// Every user can put files into the directory of the pipes. A file counts as the pipe of process
// PID if it is called PID.stats, is a FIFO and not a link, and belongs to the user that the process
// runs as. PID must be a process, not one of its threads. Other files are refused and counted.
//
// No process and no user can delay a reading for long, make it large, or keep the pipes of other
// users from being read: a reading has a time limit, and each user has a share of it.
//
// The package needs /proc of Linux.
package pipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/statvent"
)

// DefaultTimeout is how long a process has for its answer.
const DefaultTimeout = 250 * time.Millisecond

// The limits of one reading.
const (
	maxEntries  = 1 << 14  // limit of files checked in the directory, in addition to the files of running processes
	MaxParallel = 256      // pipes that are open at a time, or fewer where few files may be open
	maxPipe     = 4 << 20  // bytes from one process
	maxTotal    = 64 << 20 // bytes from all
	maxErrors   = 20       // in Result.Errors
)

// Reader reads the pipes of one directory. The zero Reader is ready. Many goroutines may
// use it: one reads at a time, and the others wait.
type Reader struct {
	// Dir is the directory of the pipes; "" is statvent.DefaultDir. It need not exist: the first
	// process that has a pipe makes it.
	Dir string
	// Timeout is how long each process has for its answer; 0 is DefaultTimeout. A reading takes
	// at most twice as long: pipes that are left then count as timed out.
	Timeout time.Duration
	// RemoveStale removes the pipes of processes that are gone. Without it they are only
	// counted.
	RemoveStale bool
}

// Result is one reading.
type Result struct {
	// Processes are those that have a pipe, by pid. A process without an answer has an Err and
	// no Stats. Processes that were left at the end of the reading are missing.
	Processes []Process
	Refused   int // files *.stats that are not the pipe of the process in their name
	TimedOut  int // processes that did not answer in time, and pipes that were left at the end
	TooLarge  int // processes that wrote more than 4 MiB, or more than the share of their user
	Malformed int // lines that are not "name: value", and names beyond statvent.MaxNames
	Stale     int // pipes of processes that are gone
	Removed   int // stale pipes that were removed
	// Errors explain the counts. They are at most 20, in no order.
	Errors []error
}

// Read reads every pipe once. It fails only if the directory cannot be read or ctx ends.
func (r *Reader) Read(ctx context.Context) (*Result, error) {
	g := reading{
		reader:   r,
		deadline: time.Now().Add(2 * r.timeout()),
		bytes:    budget{left: maxTotal, taken: make(map[uint32]int)},
		slots:    make(chan struct{}, descriptors.Share(MaxParallel)),
	}
	names, err := g.list()
	if err != nil {
		return nil, fmt.Errorf("cannot list the pipes in %s: %w", r.dir(), err)
	}
	g.readAll(ctx, names)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("reading the pipes in %s: %w", r.dir(), context.Cause(ctx))
	}
	slices.SortFunc(g.result.Processes, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return &g.result, nil
}

func (r *Reader) timeout() time.Duration { return cmp.Or(r.Timeout, DefaultTimeout) }

func (r *Reader) dir() string { return cmp.Or(r.Dir, statvent.DefaultDir) }

// add counts the finding of one file.
func (r *Result) add(f finding) {
	r.Malformed += f.malformed
	if f.process.PID != 0 {
		r.Processes = append(r.Processes, f.process)
	}
	switch {
	case f.stale:
		r.Stale++
		if f.removed {
			r.Removed++
		}
	case errors.Is(f.err, errTimeout):
		r.TimedOut += max(1, f.left)
	case errors.Is(f.err, errTooLarge):
		r.TooLarge++
	case errors.Is(f.err, errCut): // its whole lines count
	case f.err != nil:
		r.Refused++
	}
	if f.err != nil && len(r.Errors) < maxErrors {
		r.Errors = append(r.Errors, f.err)
	}
}

// pidOf returns the pid in a file name, which must be in the form that the kernel writes.
func pidOf(name, suffix string) (int, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	pid, err := strconv.Atoi(digits)
	return pid, ok && err == nil && pid > 0 && strconv.Itoa(pid) == digits
}
