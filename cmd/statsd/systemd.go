package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// Messages to systemd: see sd_notify(3).
const (
	ready    = systemd.SdNotifyReady
	stopping = systemd.SdNotifyStopping
)

func reloading() string { return systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec() }

// manager sends reports to systemd, or to another service manager that sets NOTIFY_SOCKET and WATCHDOG_USEC. If
// these variables are not set, it sends nothing.
type manager struct {
	log     zerolog.Logger
	every   time.Duration // time between two reports to the watchdog; 0 if there is no watchdog
	beats   chan struct{}
	telling sync.WaitGroup
}

func newManager(log zerolog.Logger) (*manager, error) {
	limit, err := systemd.SdWatchdogEnabled(true)
	if err != nil {
		return nil, fmt.Errorf("WATCHDOG_USEC, WATCHDOG_PID: %w", err)
	}
	m := &manager{log: log, every: limit / 2, beats: make(chan struct{}, 1)}
	if m.every > 0 {
		m.telling.Go(m.tellBeats)
	}
	return m, nil
}

// beat reports to the watchdog that the daemon is alive. Another goroutine sends the report, so beat does not wait if
// the service manager does not read the report.
func (m *manager) beat() {
	select {
	case m.beats <- struct{}{}:
	default:
	}
}

func (m *manager) tellBeats() {
	failed := false
	for range m.beats {
		err := report(systemd.SdNotifyWatchdog)
		if err != nil && !failed {
			m.log.Warn().Err(err).Msg("reporting to the service manager's watchdog failed (NOTIFY_SOCKET); trying again")
		}
		failed = err != nil
	}
}

// close stops the goroutine of newManager. The method beat must not be called after close.
func (m *manager) close() {
	close(m.beats)
	m.telling.Wait()
}

func (m *manager) tell(state string) {
	if err := report(state); err != nil {
		m.log.Warn().Err(err).Str("state", state).Msg("reporting to the service manager failed (NOTIFY_SOCKET)")
	}
}

// reportTimeout is the time limit for one report. The socket of the service manager has a short queue. A service
// manager that does not read from it must not block the daemon or delay its exit.
const reportTimeout = time.Second

// report sends a message to the service manager, if there is one.
func report(state string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	conn, err := net.DialTimeout("unixgram", address, reportTimeout)
	if err != nil {
		return err
	}
	if err = conn.SetWriteDeadline(time.Now().Add(reportTimeout)); err == nil {
		_, err = conn.Write([]byte(state))
	}
	return errors.Join(err, conn.Close())
}
