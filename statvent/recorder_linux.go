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
	maxSends     = 16                    // readers served at a time
	sendTimeout  = 2 * time.Second       // for a reader to take its snapshot
	releaseAfter = 10 * time.Millisecond // longer than the time between finding and opening a pipe in a reader
	retryAfter   = time.Second           // after a failure, such as no free file descriptor
	checkEvery   = time.Minute           // time between two checks that the pipe still exists
)

// Recorder serves the stats of a Registry on a named pipe, DIR/PID.stats. Each reader gets one
// snapshot and the end of file. Without readers it costs one blocked thread, and one look at
// the name a minute.
//
// Each reader has its own pipe: when one comes, the next pipe, which waits under a hidden name,
// takes the place of the first. Readers that open it before that share a pipe. The kernel offers no way to prevent or
// notice this. A snapshot of up to 1 MiB is written at once, so that one of these readers gets all of it, and the
// others get nothing. A reader that gets no stats should ask again, as package pipes does.
type Recorder struct {
	registry *Registry
	path     string
	every    time.Duration
	hold     *hold
	closing  chan struct{}
	hurry    context.Context // ends when readers are to be cut off
	cutOff   context.CancelFunc
	loops    sync.WaitGroup
	slots    chan struct{}
	unserved atomic.Int64

	mu     sync.Mutex
	live   *fifo // the FIFO at path, unless another program removed it
	next   *fifo // the staged FIFO; may be nil
	closed bool
}

// NewRecorder starts to serve the stats of r in dir. A nil r is the default Registry; an empty
// dir is DefaultDir. NewRecorder makes dir, with the rights of /tmp, if its parent exists. It
// replaces the pipe that a dead process with the same pid left behind. It fails if another Recorder has the place, even
// if that Recorder used another path to the directory, or has the same pid in another pid namespace.
//
// Call it after giving up privileges: readers refuse a pipe that does not belong to the user of
// the process.
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

// Unserved counts the readers that did not get all of their snapshot, because they left early or
// took longer than two seconds.
func (r *Recorder) Unserved() int64 { return r.unserved.Load() }

// Close removes the pipe and stops the goroutines of NewRecorder. It waits until the readers that
// came before have their snapshots. If ctx ends first, it interrupts them and returns an error that
// says so.
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
	if woken == nil { // otherwise a thread would wait forever for a reader that cannot come
		err = errors.Join(err, r.finish(ctx))
		_ = r.live.close() // retire may have done it
	}
	if err != nil {
		return fmt.Errorf("statvent: closing the pipe %s: %w", r.path, err)
	}
	return nil
}

// finish waits until all readers are served, at most until ctx ends.
func (r *Recorder) finish(ctx context.Context) error {
	before := r.Unserved()
	stop := context.AfterFunc(ctx, r.cutOff)
	r.loops.Wait()
	if n := r.Unserved() - before; n > 0 && !stop() {
		return fmt.Errorf("%d readers did not get all stats: %w", n, context.Cause(ctx))
	}
	return nil
}

// serve waits for readers. It replaces the pipe of each by a new one.
func (r *Recorder) serve() {
	for {
		f := r.current()
		if f == nil {
			return
		}
		w, err := f.awaitReader()
		if err != nil { // no free file descriptor, perhaps
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
				f.release() // readers that came during the pause
			}
		}
	}
}

// current is the pipe to wait on; nil if the Recorder is closed.
func (r *Recorder) current() *fifo {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	return r.live
}

// renew puts the next pipe in the place of used, which has its reader or was woken.
func (r *Recorder) renew(used *fifo) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	used.unwake()
	if r.closed || r.live != used {
		return nil
	}
	return r.replace()
}

// replace makes the next pipe the live one. The caller holds mu, or is the only user of r.
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
		_ = next.close() // somebody removed it: make another
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

// prepare stages the next pipe, so that replace has less to do.
func (r *Recorder) prepare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.next != nil {
		return
	}
	if next, err := stage(r.path); err == nil { // else replace tries again
		r.next = next
	}
}

// send writes a snapshot. It reports whether the reader has all of it, or finds it in the pipe.
func (r *Recorder) send(w *os.File) bool {
	snapshot, _ := r.registry.AppendText(nil) // cannot fail
	err := w.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		stop := context.AfterFunc(r.hurry, func() { _ = w.SetWriteDeadline(time.Now()) })
		err = sendLines(w, snapshot)
		stop()
	}
	closeErr := w.Close()
	return err == nil && closeErr == nil
}

// retire closes a pipe after its reader was served.
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
	if r.live != f {
		_ = f.close() // nothing was written through it
	} // else there is no other pipe yet: the garbage collector closes this one
}

// watch makes the pipe again if somebody removed it, such as a cleaner of /tmp.
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
		return // after a failure the next check tries again
	}
	_ = lost.wake() // if it fails, a thread waits forever
}

// pause waits before another try. It reports false if the Recorder is closed.
func (r *Recorder) pause() bool {
	select {
	case <-time.After(retryAfter):
		return true
	case <-r.closing:
		return false
	}
}
