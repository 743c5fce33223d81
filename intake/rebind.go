package intake

import (
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
)

const (
	// lookForFiles is how often intake looks whether its socket files are still there.
	lookForFiles = 5 * time.Second
	// fileWarnings is the shortest time between two log lines about a file that cannot be made again.
	fileWarnings = time.Minute
)

// file watches the socket file of a listener.
type file struct {
	rebound atomic.Uint64         // how often it was made again
	lost    atomic.Pointer[error] // why it cannot be made again; nil if it is there
	warned  time.Time
}

// watchFiles makes socket files again that somebody removed, until ended is closed: no new client could
// reach the daemon.
func (in *Intake) watchFiles(ended <-chan struct{}) {
	for {
		select {
		case <-time.After(lookForFiles):
		case <-ended:
			return
		}
		for _, l := range in.listeners {
			if l.Lost() {
				in.rebind(l)
			}
		}
	}
}

func (in *Intake) rebind(l *listener) {
	log := in.cfg.Log.With().Str("listener", l.Name).Str("socket", l.Address).Logger()
	err := l.Rebind()
	if err == nil {
		err = l.follow(in.ending)
	}
	if err == nil {
		l.file.rebound.Add(1)
		l.file.lost.Store(nil)
		log.Warn().Msg("the socket file was removed; it is there again")
		return
	}
	l.file.lost.Store(&err)
	if time.Since(l.file.warned) >= fileWarnings {
		l.file.warned = time.Now()
		log.Error().Err(err).Msg("the socket file was removed and cannot be made again: new clients cannot send; trying again")
	}
}

// follow receives by the new socket, and no longer by the old one, once it is read.
func (l *listener) follow(ended <-chan struct{}) error {
	if l.acceptor != nil {
		return l.acceptor.moveTo(l.Bound)
	}
	s, err := kernel.New(l.Packets[0])
	l.Packets = nil
	if err != nil {
		return err
	}
	if !l.receivers[0].moveTo(s, ended) {
		return s.Close()
	}
	l.sockets[0] = s
	return nil
}

// moveTo accepts the connections of the socket in b, and no longer those of the old one.
func (a *acceptor) moveTo(b *listen.Bound) error {
	before := a.take(b)
	return (*before).Close()
}

// take takes the socket out of b. It returns the one before.
func (a *acceptor) take(b *listen.Bound) (before *listen.Stream) {
	stream := b.Stream
	b.Stream = nil
	return a.stream.Swap(&stream)
}

// moveTo makes the receiver read a new socket. It returns when the old one is read and closed, or false
// if everything ends before that.
func (r *receiver) moveTo(s *kernel.Socket, ended <-chan struct{}) bool {
	next := &move{s, make(chan struct{})}
	r.next.Store(next)
	r.socket.Stop()
	select {
	case <-next.done:
		return true
	case <-ended:
	}
	if r.next.CompareAndSwap(next, nil) {
		return false
	}
	<-next.done // it is on the way
	return true
}

// move is a new socket for a receiver.
type move struct {
	to   *kernel.Socket
	done chan struct{}
}

// move reads the rest of the socket after a last batch of n, and goes on with the next one.
func (r *receiver) move(n int, next *move) error {
	err := r.drain(n)
	_ = r.socket.Close()
	r.socket = next.to
	close(next.done)
	return err
}
