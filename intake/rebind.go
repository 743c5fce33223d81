package intake

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/intake/kernel"
)

const (
	// lookForFiles is how often intake looks whether its socket files are still there.
	lookForFiles = 5 * time.Second
	// fileWarnings is the shortest time between two log lines about a file that cannot be made again.
	fileWarnings = time.Minute
)

// watchFiles makes socket files again that somebody removed, until ended is closed: no new client could
// reach the daemon.
func watchFiles(all []*served, log zerolog.Logger, ended <-chan struct{}) {
	for {
		select {
		case <-time.After(lookForFiles):
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
		err = l.follow(ended)
	}
	if err == nil {
		l.rebound.Add(1)
		l.lost.Store(nil)
		log.Warn().Msg("the socket file was removed; it is there again")
		return
	}
	l.lost.Store(&err)
	if time.Since(l.warned) >= fileWarnings {
		l.warned = time.Now()
		log.Error().Err(err).Msg("the socket file was removed and cannot be made again: new clients cannot send; trying again")
	}
}

// follow receives by the new socket, and no longer by the old one, once it is read.
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
