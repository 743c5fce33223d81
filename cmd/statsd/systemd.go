package main

import (
	"fmt"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// What systemd is told: see sd_notify(3).
const (
	ready    = systemd.SdNotifyReady
	stopping = systemd.SdNotifyStopping
)

func reloading() string { return systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec() }

// manager is systemd, or whatever else started the process and wants to be told how it
// is (NOTIFY_SOCKET) and that it is alive (WATCHDOG_USEC). Where nothing does, it is
// told nothing.
type manager struct {
	log     zerolog.Logger
	every   time.Duration // how often it wants to hear a beat; 0 for never
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

// beat says that the daemon is alive. It does not wait: the manager may hang.
func (m *manager) beat() {
	select {
	case m.beats <- struct{}{}:
	default:
	}
}

func (m *manager) tellBeats() {
	failed := false
	for range m.beats {
		_, err := systemd.SdNotify(false, systemd.SdNotifyWatchdog)
		if err != nil && !failed {
			m.log.Warn().Err(err).Msg("telling the service manager's watchdog failed (NOTIFY_SOCKET); trying again")
		}
		failed = err != nil
	}
}

// close ends what newManager started; no beat may come any more.
func (m *manager) close() {
	close(m.beats)
	m.telling.Wait()
}

func (m *manager) tell(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		m.log.Warn().Err(err).Str("state", state).Msg("telling the service manager failed (NOTIFY_SOCKET)")
	}
}
