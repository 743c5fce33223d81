// Package pipes reads the statvent pipes of a host and merges what the processes
// say there.
//
//	reader := pipes.Reader{}
//	result, err := reader.Read(ctx)
//	var merger pipes.Merger
//	stats := merger.Merge(result.Processes)
//
// Anybody may put anything in the directory of the pipes. A pipe counts as that
// of process PID if it is called PID.stats, is a FIFO and not a link to one, and
// belongs to the user that PID runs as; the rest is refused and counted. No
// process can hold up the answer, or make it large.
//
// The package needs Linux's /proc.
package pipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/statvent"
)

// DefaultTimeout is how long a process has for its answer.
const DefaultTimeout = 250 * time.Millisecond

// The bounds of one reading.
const (
	maxEntries  = 1 << 16  // names in the directory
	maxParallel = 256      // pipes open at a time
	maxPipe     = 4 << 20  // bytes of one process
	maxTotal    = 64 << 20 // bytes of all
	maxErrors   = 20       // in Result.Errors
)

// Reader reads the pipes of one directory. The zero Reader is ready; any number
// of goroutines may use it, though readings at the same time make each other
// wait.
type Reader struct {
	// Dir is where the pipes are; "" is statvent.DefaultDir. One that does not
	// exist is one without pipes: no process has made it yet.
	Dir string
	// Timeout is how long each process has for its answer; 0 is DefaultTimeout.
	// Readings take no longer while there are no more than 256 pipes.
	Timeout time.Duration
	// RemoveStale removes the pipes of processes that are gone. Otherwise
	// they are passed over.
	RemoveStale bool
}

// Result is one reading.
type Result struct {
	// Processes are those that have a pipe, by pid. One that did not answer has
	// an Err and no Stats.
	Processes []Process
	Refused   int // files *.stats that are not the pipe of the process they name
	TimedOut  int // processes that did not answer in time
	TooLarge  int // processes that said more than 4 MiB, or that all together said more than 64 MiB
	Malformed int // lines that are not "name: value", and names beyond statvent.MaxNames
	Stale     int // pipes of processes that are gone
	Removed   int // of them, those that were removed
	// Errors explain the counts, at most 20 of them, in no order.
	Errors []error
}

// Read reads every pipe once, all at the same time. It fails only if the
// directory cannot be read or ctx ends.
func (r *Reader) Read(ctx context.Context) (*Result, error) {
	names, err := r.list()
	if err != nil {
		return nil, fmt.Errorf("cannot list the pipes in %s: %w", r.dir(), err)
	}
	var (
		result Result
		mu     sync.Mutex
		wg     sync.WaitGroup
		budget atomic.Int64
		slots  = make(chan struct{}, maxParallel)
	)
	budget.Store(maxTotal)
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		p := pipe{reader: r, name: name, budget: &budget, deadline: time.Now().Add(r.timeout())}
		wg.Go(func() {
			defer func() { <-slots }()
			found := p.read(ctx)
			mu.Lock()
			defer mu.Unlock()
			result.add(found)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the pipes in %s: %w", r.dir(), context.Cause(ctx))
	}
	slices.SortFunc(result.Processes, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return &result, nil
}

// list returns the names that end in ".stats".
func (r *Reader) list() ([]string, error) {
	dir, err := os.Open(r.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(maxEntries)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, ".stats")
	})
	return names, errors.Join(err, dir.Close())
}

func (r *Reader) timeout() time.Duration { return cmp.Or(r.Timeout, DefaultTimeout) }

func (r *Reader) dir() string { return cmp.Or(r.Dir, statvent.DefaultDir) }

// add counts what came of one name.
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
		r.TimedOut++
	case errors.Is(f.err, errTooLarge):
		r.TooLarge++
	case f.err != nil:
		r.Refused++
	}
	if f.err != nil && len(r.Errors) < maxErrors {
		r.Errors = append(r.Errors, f.err)
	}
}

// pidOf takes a name apart: the pid must be written as the kernel writes it.
func pidOf(name string) (int, bool) {
	digits := strings.TrimSuffix(name, ".stats")
	pid, err := strconv.Atoi(digits)
	return pid, err == nil && pid > 0 && strconv.Itoa(pid) == digits
}
