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
	"syscall"
	"time"
)

const (
	retryAfter = time.Millisecond      // pause while another reader has locked the pipe
	lookAfter  = 25 * time.Millisecond // pause between checks that the path still leads to the opened pipe
	// Number of empty answers, with increasing pauses, before an empty answer is accepted.
	maxEmpty = 6
)

var (
	errTimeout  = errors.New("no answer in time")
	errTooLarge = errors.New("too many bytes")
	errCut      = errors.New("the answer is incomplete, because the reader was too slow")
	errAgain    = errors.New("another reader has locked the pipe")
	errEmpty    = errors.New("the answer is empty")
)

// pipe is a file in the directory of pipes.
type pipe struct {
	reader   *Reader
	name     string
	owner    uint32
	deadline time.Time
	bytes    *budget
}

// finding is the result of reading a file in the directory of pipes.
type finding struct {
	process   Process // process.PID is 0 if the file is not the pipe of a process
	malformed int
	left      int // number of files that were not read because of the time limit
	stale     bool
	removed   bool
	err       error
}

// read tries to read the pipe until there is an answer or the time is over.
func (p *pipe) read(ctx context.Context) (f finding) {
	if hidden, ok := strings.CutPrefix(p.name, "."); ok {
		p.sweep(hidden)
		return finding{}
	}
	pid, ok := pidOf(p.name, ".stats")
	if !ok {
		return finding{err: fmt.Errorf("refused %s: the name of the file is not PID.stats", p.path())}
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
			return finding{} // the process has removed its pipe
		case errors.Is(err, errTimeout), late && (errors.Is(err, errAgain) || errors.Is(err, errEmpty)):
			f.err = fmt.Errorf("%s: %w (%v)", p.path(), errTimeout, p.reader.timeout())
			f.process.Err = f.err
			return f
		case errors.Is(err, errTooLarge):
			f.err = fmt.Errorf("%s: %w", p.path(), err)
			f.process.Err = f.err
			return f
		case errors.Is(err, errAgain), errors.Is(err, errEmpty), errors.Is(err, fs.ErrNotExist):
			// The pause is random, so that two readers do not collide again.
			time.Sleep(retryAfter + rand.N(retryAfter<<empty))
		default:
			return finding{err: fmt.Errorf("refused %s: %w", p.path(), err)}
		}
	}
}

// try makes one attempt to read the pipe.
func (p *pipe) try(ctx context.Context, pid int) (f finding, err error) {
	file, err := p.open()
	if err != nil {
		return f, err
	}
	defer func() { _ = file.Close() }() // nothing was written, so the error is ignored
	info, err := file.Stat()
	if err != nil {
		return f, err
	}
	who, err := lookUp(pid)
	if errors.Is(err, errGone) {
		return p.bury(pid, file, info)
	}
	if err == nil {
		err = p.check(pid, who, info)
	}
	if err != nil {
		return f, err
	}
	f.process = Process{PID: pid, Start: who.start}
	// The lock prevents two readers from each getting a part of the same answer.
	if err := lock(file); err != nil {
		return f, err
	}
	text, err := p.answer(ctx, file, info)
	if err != nil {
		return f, err
	}
	var cut bool
	if f.process.Stats, f.malformed, cut = parse(text); cut {
		f.err = fmt.Errorf("%s: %w", p.path(), errCut)
	}
	if len(text) == 0 {
		err = errEmpty
	}
	return f, err
}

// check returns an error with the reason if the FIFO is not the pipe of the process.
func (p *pipe) check(pid int, who owner, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case who.group != pid:
		return fmt.Errorf("%d is a thread of process %d, not a process", pid, who.group)
	case !ok || st.Uid != who.uid:
		return fmt.Errorf("it does not belong to uid %d, the user of process %d", who.uid, pid)
	case st.Uid != p.owner:
		return errAgain // the file was replaced after its owner was looked up
	}
	return nil
}

// answer reads until the end of the file. While the process sends nothing, answer checks repeatedly
// that the path of the pipe still belongs to this FIFO.
func (p *pipe) answer(ctx context.Context, file *os.File, info fs.FileInfo) ([]byte, error) {
	a := answer{file: file, owner: p.owner, bytes: p.bytes}
	for {
		wait := time.Now().Add(lookAfter)
		if wait.After(p.deadline) {
			wait = p.deadline
		}
		text, err := a.read(wait)
		if !errors.Is(err, errTimeout) || ctx.Err() != nil || !time.Now().Before(p.deadline) {
			return text, err
		}
		if !p.names(info) {
			return nil, errAgain
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
		return nil, errors.New("the file is no longer a pipe")
	}
	return file, nil
}

// names reports whether the path still leads to the given file.
func (p *pipe) names(file fs.FileInfo) bool {
	now, err := os.Lstat(p.path())
	return err == nil && os.SameFile(file, now)
}

func (p *pipe) path() string { return filepath.Join(p.reader.dir(), p.name) }
