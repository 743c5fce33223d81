package intake

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// lookForFiles is the time between two checks whether the socket files still exist.
	lookForFiles = 5 * time.Second
	// fileWarnings is the minimum time between two log lines about a socket file that cannot be made
	// again.
	fileWarnings = time.Minute
)

// served is a listener with the receivers or the acceptor that read it.
type served struct {
	*listener
	sockets   []*kernel.Socket
	receivers []*receiver
	acceptor  *acceptor // nil for a listener of datagrams

	rebound atomic.Uint64         // number of times that the socket file was made again
	lost    atomic.Pointer[error] // why the socket file cannot be made again; nil if the file exists
	warned  time.Time             // time when lost was last logged
}

// openListeners binds the sockets of all listeners. If one bind fails, no socket stays open.
func openListeners(cfg *Listen) ([]*served, error) {
	bound, err := listen.Open(cfg.listeners(), cfg.Sockets)
	if err == nil && len(bound) == 0 {
		err = metric.FlagErrorf("--listen", nil, "there is no listener")
	}
	if err != nil {
		return nil, err
	}
	var all []*served
	for i, b := range bound {
		all = append(all, &served{listener: &listener{Bound: b, number: i, at: b.Addr()}})
	}
	return all, nil
}

// openSockets makes the receivers' sockets from the bound sockets.
func (l *served) openSockets(cfg *Listen) (sockets []*kernel.Socket, err error) {
	for len(l.Packets) > 0 && err == nil {
		var s *kernel.Socket
		s, err = kernel.New(l.Packets[0])
		l.Packets = l.Packets[1:] // kernel.New took the socket over, even if it failed
		if err != nil {
			break
		}
		sockets = append(sockets, s)
		switch {
		case l.Scheme.Local(): // for unix sockets the kernel charges the memory to the sender
		case l.Given:
			err = s.GrowBuffer(l.buffer(cfg))
		default:
			err = s.SetBuffer(l.buffer(cfg))
		}
		if l.Given {
			err = errors.Join(err, s.Inherit())
		}
	}
	return sockets, err
}

// closeListeners closes the bound sockets. It must be called before reading begins.
func closeListeners(all []*served) {
	for _, l := range all {
		_ = l.close()
	}
}

// close closes the sockets. All readers must have ended.
func (l *served) close() error {
	err := l.Close()
	if l.acceptor != nil {
		_ = (*l.acceptor.stream.Load()).Close() // ignore the error, because End may have closed the stream
	}
	for _, s := range l.sockets {
		err = errors.Join(err, s.Close())
	}
	l.sockets = nil
	return err
}

// state returns the current state of the listener.
func (l *served) state() ListenerState {
	st := ListenerState{Name: l.Name, Number: l.number, Scheme: l.Scheme, Address: l.at.String(), Rebound: l.rebound.Load()}
	if why := l.lost.Load(); why != nil {
		st.Lost = *why
	}
	if l.acceptor != nil {
		st.OpenConnections = int(l.acceptor.open.Load())
	}
	for _, r := range l.receivers {
		if !r.local {
			st.KernelDropped += r.dropped()
		}
	}
	return st
}

// ListenerState describes one listener. It has only the counts that the listener itself keeps. The lanes keep the other
// counts: see the method Counts.
type ListenerState struct {
	Name            string
	Scheme          listen.Scheme
	Number          int // index in Tally.Listeners
	Address         string
	OpenConnections int
	Rebound         uint64 // number of times that the socket file was made again
	Lost            error  // why the socket file cannot be made again; nil if the file exists
	KernelDropped   uint64 // datagrams that did not fit into the receive buffers; always 0 for unix sockets
}

// Counts returns the counts of the listener in t.
func (s *ListenerState) Counts(t *Tally) (c Counts) {
	if s.Number < len(t.Listeners) { // Listeners is empty before the first Drain
		c = t.Listeners[s.Number]
	}
	return c
}

// watchFiles looks for socket files that were removed, and makes them again, because new clients cannot reach a socket
// without its file. It runs until the channel ended is closed.
func watchFiles(all []*served, log zerolog.Logger, ended <-chan struct{}) {
	for {
		select {
		case <-time.After(clock.UntilTick(time.Now(), lookForFiles)):
		case <-ended:
			return
		}
		for _, l := range all {
			if l.Lost() {
				l.rebind(log, ended)
			}
		}
	}
}

// rebind makes the socket file again.
func (l *served) rebind(log zerolog.Logger, ended <-chan struct{}) {
	log = log.With().Str("listener", l.Name).Str("socket", l.Address).Logger()
	err := l.Rebind()
	if err == nil {
		if err = l.follow(ended); err != nil {
			_ = os.Remove(l.Address) // remove the new file, because no receiver reads its socket; the next check tries again
		}
	}
	if err == nil {
		l.rebound.Add(1)
		l.lost.Store(nil)
		log.Warn().Msg("the socket file was removed, and has been made again")
		return
	}
	l.lost.Store(&err)
	if time.Since(l.warned) >= fileWarnings {
		l.warned = time.Now()
		log.Error().Err(err).Msg("the socket file was removed and cannot be made again: new clients cannot send; trying again")
	}
}

// follow makes the receivers or the acceptor use the new socket. It returns when the old socket is
// empty.
func (l *served) follow(ended <-chan struct{}) error {
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
