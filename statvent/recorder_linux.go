package statvent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxSends     = 16                    // maximum number of readers that are served at the same time
	sendTimeout  = 2 * time.Second       // time in which a reader must read its snapshot
	releaseAfter = 10 * time.Millisecond // pause before a release; longer than a reader needs between finding a pipe and opening it
	retryAfter   = time.Second           // pause after a failure, for example if no file descriptor is free
	checkEvery   = time.Minute           // time between two checks that the pipe still exists
)

// Recorder serves the stats of a Registry on a named pipe, DIR/PID.stats. Each reader gets one snapshot, and then
// the end of the file. Without readers, a Recorder costs one blocked thread, and one check of the pipe's name per
// minute.
//
// Each reader has its own pipe. When a reader opens the pipe, the Recorder replaces the pipe by the next one,
// which was prepared under a hidden name. Readers that open the old pipe before it is replaced share this pipe.
// The kernel has no means to prevent or detect this. A snapshot of up to 1 MiB is written at once, so that one of
// these readers gets the whole snapshot and the others get nothing. A reader that gets no stats should try again,
// like package pipes.
type Recorder struct {
	registry *Registry
	path     string
	every    time.Duration
	hold     *hold
	closing  chan struct{}
	hurry    context.Context // ends when the writing to readers must be canceled
	cutOff   context.CancelFunc
	loops    sync.WaitGroup
	slots    chan struct{}
	unserved atomic.Int64

	mu     sync.Mutex
	live   *fifo // the FIFO at path, unless another program has removed it
	next   *fifo // the staged FIFO; may be nil
	closed bool
}

// NewRecorder starts to serve the stats of r in dir. If r is nil, the default Registry is used. If dir is empty,
// DefaultDir is used. NewRecorder creates dir with the permissions of /tmp, if its parent exists. It replaces the
// pipe of a dead process with the same process id. It returns an error if another Recorder already serves the
// same pipe. This includes Recorders that use another path to the directory, and Recorders with the same process
// id in another pid namespace.
//
// Call NewRecorder after the process has given up privileges, because readers refuse a pipe that does not belong
// to the user of the process.
func NewRecorder(r *Registry, dir string) (*Recorder, error) {
	return newRecorder(r, dir, checkEvery)
}

func newRecorder(registry *Registry, dir string, every time.Duration) (*Recorder, error) {
	if registry == nil {
		registry = Default()
	}
	if dir == "" {
		dir = DefaultDir
	}
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+".stats")
	r := &Recorder{
		registry: registry, path: path, every: every,
		closing: make(chan struct{}), slots: make(chan struct{}, maxSends),
	}
	r.hurry, r.cutOff = context.WithCancel(context.Background())
	if err := r.begin(); err != nil {
		return nil, fmt.Errorf("statvent: cannot make the pipe %s: %w", path, err)
	}
	r.loops.Go(r.serve)
	r.loops.Go(r.watch)
	return r, nil
}

func (r *Recorder) begin() (err error) {
	if r.hold, err = takeHold(r.path); err != nil {
		return err
	}
	err = checkPlace(r.path)
	if err == nil {
		err = r.replace()
	}
	if err != nil {
		return errors.Join(err, r.hold.release())
	}
	return nil
}

// Path returns the path of the pipe.
func (r *Recorder) Path() string { return r.path }

// Unserved returns the number of readers that did not get their whole snapshot, because they closed the pipe
// early or needed more than two seconds.
func (r *Recorder) Unserved() int64 { return r.unserved.Load() }

// Close removes the pipe, and stops the goroutines of the Recorder. It waits until all current readers have their
// snapshots. If ctx ends before that, it cancels the writing and returns an error.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.closing)
	var err error
	if r.live.isAt(r.path) {
		err = os.Remove(r.path)
	}
	if r.next != nil {
		err = errors.Join(err, unstage(r.path), r.next.close())
	}
	woken := r.live.wake()
	err = errors.Join(err, woken, r.hold.release())
	r.mu.Unlock()
	if woken == nil { // if the call of wake failed, a thread waits forever for a reader, so finish would never return
		err = errors.Join(err, r.finish(ctx))
		_ = r.live.close() // the method retire may have closed the FIFO already
	}
	if err != nil {
		return fmt.Errorf("statvent: closing the pipe %s: %w", r.path, err)
	}
	return nil
}

// finish waits until all readers are served, or until ctx ends.
func (r *Recorder) finish(ctx context.Context) error {
	before := r.Unserved()
	stop := context.AfterFunc(ctx, r.cutOff)
	r.loops.Wait()
	if n := r.Unserved() - before; n > 0 && !stop() {
		return fmt.Errorf("%d readers did not get all stats: %w", n, context.Cause(ctx))
	}
	return nil
}

// serve waits for readers. For each reader, it replaces the pipe by a new one.
func (r *Recorder) serve() {
	for {
		f := r.current()
		if f == nil {
			return
		}
		w, err := f.awaitReader()
		if err != nil { // for example, no file descriptor is free
			r.pause()
			continue
		}
		err = r.renew(f)
		r.slots <- struct{}{}
		r.loops.Go(func() {
			served := r.send(w)
			r.prepare()
			<-r.slots
			r.retire(f, served)
		})
		for err != nil && r.pause() {
			if err = r.renew(f); err == nil {
				f.release() // wake readers that opened the pipe during the pause
			}
		}
	}
}

// current returns the pipe to wait on, or nil if the Recorder is closed.
func (r *Recorder) current() *fifo {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	return r.live
}

// renew makes the next pipe the live pipe, if the given pipe is still the live pipe. It is called
// when a reader has opened the given pipe, or after a call of wake.
func (r *Recorder) renew(used *fifo) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	used.unwake()
	if r.closed || r.live != used {
		return nil
	}
	return r.replace()
}

// replace makes the next pipe the live pipe. The caller must hold mu, unless no other goroutine can
// use r yet.
func (r *Recorder) replace() error {
	if err := r.hold.keep(); err != nil {
		return err
	}
	next := r.next
	r.next = nil
	if next != nil {
		if err := publish(r.path); err == nil {
			r.live = next
			return nil
		}
		_ = next.close() // another program has removed the staged pipe, so create another pipe
	}
	next, err := stage(r.path)
	if err == nil {
		err = publish(r.path)
	}
	if err == nil {
		r.live = next
	}
	return err
}

// prepare stages the next pipe in advance, so that the method replace is fast.
func (r *Recorder) prepare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.next != nil {
		return
	}
	if next, err := stage(r.path); err == nil { // on an error, the method replace tries again
		r.next = next
	}
}

// send writes a snapshot. It returns true if the reader has read the whole snapshot, or can still read it from
// the pipe.
func (r *Recorder) send(w *os.File) bool {
	snapshot, _ := r.registry.AppendText(nil) // AppendText never returns an error
	err := w.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		stop := context.AfterFunc(r.hurry, func() { _ = w.SetWriteDeadline(time.Now()) })
		err = sendLines(w, snapshot)
		stop()
	}
	closeErr := w.Close()
	return err == nil && closeErr == nil
}

// retire closes a pipe after the call of send for its reader. The parameter served is the result of send.
func (r *Recorder) retire(f *fifo, served bool) {
	select {
	case <-time.After(releaseAfter):
	case <-r.closing:
	}
	f.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !f.unwake() && !served {
		r.unserved.Add(1)
	}
	// If no other pipe could be made yet, f is still the live pipe, and stays open. The garbage collector closes f
	// later.
	if r.live != f {
		_ = f.close() // ignore the error, because nothing was written through this descriptor
	}
}

// watch creates the pipe again if another program has removed it, for example a program that cleans /tmp.
func (r *Recorder) watch() {
	ticker := time.NewTicker(r.every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.restore()
		case <-r.closing:
			return
		}
	}
}

func (r *Recorder) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.live
	if r.closed || lost.isAt(r.path) && r.hold.keep() == nil || r.replace() != nil {
		return // on an error, the next check tries again
	}
	_ = lost.wake() // if wake returns an error, a thread waits forever
}

// pause waits before the next attempt. It returns false if the Recorder is closed.
func (r *Recorder) pause() bool {
	select {
	case <-time.After(retryAfter):
		return true
	case <-r.closing:
		return false
	}
}
