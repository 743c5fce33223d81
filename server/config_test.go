package server

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// If a port is in use, New returns an error of one line, which begins with the name of the flag.
func TestPortsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	for flag, take := range map[string]func(*Config){
		"--port":         func(c *Config) { c.Port = taken },
		"--monitor-port": func(c *Config) { c.MonitorPort = taken },
	} {
		cfg := config()
		take(&cfg)
		s, err := New(cfg)
		switch {
		case err == nil:
			t.Errorf("%s %d: New took it", flag, taken)
			_ = s.close()
		case !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), flag) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "127.0.0.1:"):
			t.Errorf("%s %d: %v", flag, taken, err)
		}
	}
}

// The error for an invalid setting names its flag.
func TestValidate(t *testing.T) {
	t.Parallel()
	for flag, spoil := range map[string]func(*Config){
		"--port":            func(c *Config) { c.Port = 65536 },
		"--monitor-port":    func(c *Config) { c.MonitorPort = 65536 },
		"--receivers":       func(c *Config) { c.Receivers = 0 },
		"--udp-buffer":      func(c *Config) { c.UDPBuffer = 0 },
		"--flush-interval":  func(c *Config) { c.FlushInterval = time.Millisecond },
		"--expire":          func(c *Config) { c.Expire = 0 },
		"--expire 42":       func(c *Config) { c.Expire = 1<<32 + 1 },
		"--gauge-expire":    func(c *Config) { c.GaugeExpire = time.Second },
		"--max-names":       func(c *Config) { c.MaxNames = 0 },
		"--max-name-length": func(c *Config) { c.MaxNameLength = 1 << 16 },
		"--max-set-members": func(c *Config) { c.MaxSetMembers = 0 },
		"--queue-max-bytes": func(c *Config) { c.QueueBytes = 1 },
		"--keep-values":     func(c *Config) { c.KeepValues = -1 },
		"--history-memory":  func(c *Config) { c.HistoryMemory = -1 },
		"--alert-interval":  func(c *Config) { c.AlertInterval = 0 },
		"--grace":           func(c *Config) { c.Grace = -1 },
		"--pct 0":           func(c *Config) { c.Layout.Percentiles = []float64{90, 0} },
		"--pct 100.1":       func(c *Config) { c.Layout.Percentiles = []float64{100.1} },
		"--pct 50":          func(c *Config) { c.Layout.Percentiles = []float64{50, 90, 50} },
	} {
		cfg := config()
		spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), flag) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	cfg := config()
	if err := cfg.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}
