// Package pipes reads the statvent pipes of a host and merges their stats.
//
//	reader := pipes.Reader{}
//	result, err := reader.Read(ctx)
//	var merger pipes.Merger
//	stats := merger.Merge(result.Processes)
//
// Every user can create files in the directory of the pipes. A file is accepted as the pipe of process PID if it is
// called PID.stats, is a FIFO and not a link, and belongs to the user of the process. PID must be the id of a process,
// not of a thread. Other files are refused and counted.
//
// A reading has limits for its time and size, and each user has a share of both. Therefore no process and no user can
// delay a reading for long, use up all memory, or prevent the reading of other users' pipes.
//
// Package pipes needs /proc of Linux.
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

// DefaultTimeout is the time limit for the answer of a process.
const DefaultTimeout = 250 * time.Millisecond

// The limits for one reading.
const (
	// Maximum number of checked files in the directory, in addition to the files of running processes.
	maxEntries  = 1 << 14
	MaxParallel = 256      // maximum number of open pipes; fewer if the limit for open files of this process is low
	maxPipe     = 4 << 20  // maximum number of bytes from one process
	maxTotal    = 64 << 20 // maximum number of bytes from all processes
	maxErrors   = 20       // maximum number of errors in Result.Errors
)

// Reader reads the pipes in a directory. The zero Reader is ready to use. It is safe for concurrent use: one
// goroutine reads at a time, and the others wait.
type Reader struct {
	// Dir is the directory of the pipes. If it is empty, statvent.DefaultDir is used. The directory need not exist,
	// because the first process with a pipe creates it.
	Dir string
	// Timeout is the time limit for the answer of each process. If it is 0, DefaultTimeout is used. A whole reading
	// takes at most twice this time. Pipes that are not read when the reading ends count as timed out.
	Timeout time.Duration
	// RemoveStale removes the pipes of dead processes. If it is false, these pipes are only counted.
	RemoveStale bool
}

// Result is the result of a reading.
type Result struct {
	// Processes contains the processes that have a pipe, sorted by PID. A process without an answer has an Err and
	// no Stats. Processes that were not read because of the time limit are missing.
	Processes []Process
	Refused   int // *.stats files that are not a pipe of the process whose PID is in the file name
	TimedOut  int // processes that did not answer in time, and pipes that were not read because of the time limit
	TooLarge  int // processes that wrote more than 4 MiB, or more than the bytes that were left for their user
	Malformed int // lines that are not "name: value", and names of a process after its first statvent.MaxNames names
	Stale     int // pipes of dead processes
	Removed   int // stale pipes that were removed
	// Errors explains the counts. It contains at most 20 errors, in any order.
	Errors []error
}

// Read reads every pipe once. It returns an error only if the directory cannot be read or ctx ends.
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

// add adds the finding for a file to the counts.
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
	case errors.Is(f.err, errCut): // the complete lines of the answer are used
	case f.err != nil:
		r.Refused++
	}
	if f.err != nil && len(r.Errors) < maxErrors {
		r.Errors = append(r.Errors, f.err)
	}
}

// pidOf returns the process id in a file name. The number must have the same form as the kernel's numbers,
// without leading zeros.
func pidOf(name, suffix string) (int, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	pid, err := strconv.Atoi(digits)
	return pid, ok && err == nil && pid > 0 && strconv.Itoa(pid) == digits
}
