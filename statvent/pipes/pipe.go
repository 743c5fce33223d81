package pipes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	retryAfter = time.Millisecond      // while the pipe is another reader's
	lookAfter  = 25 * time.Millisecond // whether a silent pipe is still the process's
	maxEmpty   = 6                     // empty answers, further and further apart, before one is believed
)

var (
	errTimeout  = errors.New("no answer in time")
	errTooLarge = errors.New("too many bytes")
	errAgain    = errors.New("the pipe was another reader's")
	errEmpty    = errors.New("the answer is empty")
)

// pipe is one name in the directory, on its way to a finding.
type pipe struct {
	reader   *Reader
	name     string
	deadline time.Time
	budget   *atomic.Int64 // bytes that may still be read, from all pipes
}

// finding is what came of one name.
type finding struct {
	process   Process // no PID if the name is not a process's pipe
	malformed int
	stale     bool
	removed   bool
	err       error
}

// read asks until there is an answer, or no time.
func (p *pipe) read(ctx context.Context) (f finding) {
	if staged, hidden := strings.CutPrefix(p.name, "."); hidden {
		p.sweep(staged)
		return finding{}
	}
	pid, ok := pidOf(p.name)
	if !ok {
		return finding{err: fmt.Errorf("refused %s: not called PID.stats", p.path())}
	}
	empty := 0
	for {
		var err error
		f, err = p.try(ctx, pid)
		if errors.Is(err, errEmpty) {
			empty++
		}
		late := ctx.Err() != nil || !time.Now().Before(p.deadline)
		switch {
		case err == nil, errors.Is(err, errEmpty) && empty == maxEmpty:
			return f
		case errors.Is(err, fs.ErrNotExist) && (late || gone(pid)):
			return finding{} // the process took its pipe away
		case errors.Is(err, errTimeout), late && (errors.Is(err, errAgain) || errors.Is(err, errEmpty)):
			f.err = fmt.Errorf("%s: %w (%v)", p.path(), errTimeout, p.reader.timeout())
			f.process.Err = f.err
			return f
		case errors.Is(err, errTooLarge):
			f.err = fmt.Errorf("%s: %w", p.path(), err)
			f.process.Err = f.err
			return f
		case errors.Is(err, errAgain), errors.Is(err, errEmpty), errors.Is(err, fs.ErrNotExist):
			// Not in step with the other reader.
			time.Sleep(retryAfter + rand.N(retryAfter<<empty))
		default:
			return finding{err: fmt.Errorf("refused %s: %w", p.path(), err)}
		}
	}
}

// try asks once.
func (p *pipe) try(ctx context.Context, pid int) (f finding, err error) {
	file, err := p.open()
	if err != nil {
		return f, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return f, err
	}
	who, err := lookUp(pid)
	if errors.Is(err, errGone) {
		return p.bury(pid, file, info)
	}
	if err != nil {
		return f, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != who.uid {
		return f, fmt.Errorf("not a pipe of uid %d, which process %d has", who.uid, pid)
	}
	f.process = Process{PID: pid, Start: who.start}
	// The pipe has one answer: readers that take turns do not split it.
	if err := lock(file); err != nil {
		return f, err
	}
	answer := answer{file: file, budget: p.budget}
	for {
		wait := time.Now().Add(lookAfter)
		if wait.After(p.deadline) {
			wait = p.deadline
		}
		text, err := answer.read(wait)
		if err == nil {
			f.process.Stats, f.malformed = parse(text)
			if len(text) == 0 {
				err = errEmpty
			}
			return f, err
		}
		if !errors.Is(err, errTimeout) || ctx.Err() != nil || !time.Now().Before(p.deadline) {
			return f, err
		}
		if !p.names(info) {
			return f, errAgain
		}
	}
}

// open opens the pipe without waiting for a writer.
func (p *pipe) open() (*os.File, error) {
	before, err := os.Lstat(p.path())
	if err != nil {
		return nil, err
	}
	if before.Mode().Type() != fs.ModeNamedPipe {
		return nil, errors.New("not a FIFO")
	}
	file, err := os.OpenFile(p.path(), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if after, err := file.Stat(); err != nil || after.Mode().Type() != fs.ModeNamedPipe {
		_ = file.Close()
		return nil, errors.New("not a FIFO any more")
	}
	return file, nil
}

// bury deals with the pipe of a process that is gone. A pipe that somebody holds
// open for writing is not one: its process is in another pid namespace.
func (p *pipe) bury(pid int, file *os.File, info fs.FileInfo) (finding, error) {
	held, err := hasWriter(file)
	if err != nil {
		return finding{}, err
	}
	if held {
		return finding{}, fmt.Errorf("process %d is gone, but the pipe has a writer", pid)
	}
	f := finding{stale: true}
	if p.reader.RemoveStale && gone(pid) && p.names(info) {
		if err := os.Remove(p.path()); err != nil {
			f.err = fmt.Errorf("process %d is gone, its pipe cannot be removed: %w", pid, err)
		}
		f.removed = f.err == nil
	}
	return f, nil
}

// sweep removes the pipe that a process had staged when it was killed.
func (p *pipe) sweep(name string) {
	pid, ok := pidOf(name)
	if !ok || !p.reader.RemoveStale || !gone(pid) {
		return
	}
	file, err := p.open()
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }() // nothing was written
	if info, err := file.Stat(); err == nil {
		_, _ = p.bury(pid, file, info) // the next reading tries again
	}
}

// names reports whether the name is still that of the FIFO.
func (p *pipe) names(fifo fs.FileInfo) bool {
	now, err := os.Lstat(p.path())
	return err == nil && os.SameFile(fifo, now)
}

func (p *pipe) path() string { return filepath.Join(p.reader.dir(), p.name) }
