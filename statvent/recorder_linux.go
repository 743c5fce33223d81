package statvent

import (
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
	sendTimeout  = 2 * time.Second       // for a reader that stalls
	releaseAfter = 10 * time.Millisecond // more than a reader takes from finding a pipe to opening it
	retryAfter   = time.Second           // after a failure, such as no free file descriptor
	checkEvery   = time.Minute           // whether somebody removed the pipe
)

// Recorder serves the figures of a Registry on a named pipe, DIR/PID.stats. It
// costs a thread that the kernel holds, and a look at the name once a minute,
// until somebody opens the pipe; each reader then gets one snapshot and the
// end of file.
//
// A reader has a pipe of its own: as soon as one comes, the next pipe, which waits
// under a hidden name, takes the place of the first. Readers that are faster
// than that share one, as the kernel lets nobody keep the second out, or know
// of it. The snapshot is written in one piece, so that one of them reads all
// of it and the others nothing: no figures at all means to ask again, which
// package pipes does.
type Recorder struct {
	registry *Registry
	path     string
	every    time.Duration
	closing  chan struct{}
	loops    sync.WaitGroup
	slots    chan struct{}
	unserved atomic.Int64

	mu     sync.Mutex
	live   *fifo // what path names, unless somebody meddled
	next   *fifo // what is staged; may be nil
	closed bool
}

// recording has the paths of this process's open Recorders: a pipe is named after
// the process, so that there can be one in a directory.
var recording sync.Map

// NewRecorder starts to serve the figures of r, nil for the default Registry,
// in dir, "" for DefaultDir. It makes dir, with the rights of /tmp, if dir's
// parent is there; and it takes the place of a pipe that a dead process with
// this one's pid left behind. Call it after giving up privileges, because readers
// want the pipe to belong to the user of the process.
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
	if err := r.begin(); err != nil {
		return nil, fmt.Errorf("statvent: cannot make the pipe %s: %w", path, err)
	}
	r.loops.Go(r.serve)
	r.loops.Go(r.watch)
	return r, nil
}

func (r *Recorder) begin() error {
	if _, taken := recording.LoadOrStore(r.path, r); taken {
		return errors.New("this process has a recorder there already")
	}
	err := checkPlace(r.path)
	if err == nil {
		err = r.replace()
	}
	if err != nil {
		recording.Delete(r.path)
	}
	return err
}

// Path is where the pipe is.
func (r *Recorder) Path() string { return r.path }

// Unserved counts the readers that left, or stalled for two seconds, before they
// had all of their snapshot.
func (r *Recorder) Unserved() int64 { return r.unserved.Load() }

// Close removes the pipe and ends what NewRecorder started. Readers that came
// before get their snapshots.
func (r *Recorder) Close() error {
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
	r.mu.Unlock()
	recording.Delete(r.path)
	if woken == nil { // else a thread goes on waiting for a reader that cannot come
		r.loops.Wait()
		_ = r.live.close() // send may have done it
	}
	if err = errors.Join(err, woken); err != nil {
		return fmt.Errorf("statvent: closing the pipe %s: %w", r.path, err)
	}
	return nil
}

// serve puts a new pipe in the place of each that has got its reader.
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
				f.release() // who came meanwhile
			}
		}
	}
}

// current is the pipe to wait on, nil once the Recorder is closed.
func (r *Recorder) current() *fifo {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	return r.live
}

// renew puts the next pipe in the place of used, which has got its reader or was
// woken.
func (r *Recorder) renew(used *fifo) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	used.unwake()
	if r.closed || r.live != used {
		return nil
	}
	return r.replace()
}

// replace makes the next pipe the live one. The caller holds mu, or r alone.
func (r *Recorder) replace() error {
	next := r.next
	r.next = nil
	if next != nil {
		if err := publish(r.path); err == nil {
			r.live = next
			return nil
		}
		_ = next.close() // somebody meddled with the directory: make another
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
	if next, err := stage(r.path); err == nil { // else replace tries, and knows what to do
		r.next = next
	}
}

// send writes a snapshot, and reports whether the reader has all of it, or will
// find it in the pipe.
func (r *Recorder) send(w *os.File) bool {
	snapshot, _ := r.registry.AppendText(nil) // cannot fail
	widen(w, len(snapshot))
	err := w.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		_, err = w.Write(snapshot)
	}
	closeErr := w.Close()
	return err == nil && closeErr == nil
}

// retire ends a pipe that was served.
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
	} // else there is no other yet, and this one goes with the last reference
}

// watch puts the pipe back that somebody removed, such as a cleaner of /tmp.
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
	if r.closed || lost.isAt(r.path) || r.replace() != nil {
		return // after a failure the next look tries again
	}
	_ = lost.wake() // if that fails, a thread waits for ever
}

// pause waits before another try, and reports whether there is to be one.
func (r *Recorder) pause() bool {
	select {
	case <-time.After(retryAfter):
		return true
	case <-r.closing:
		return false
	}
}
