//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/tcp"
)

// forwardCommand runs a daemon that forwards everything to a central in this process, which keeps it and
// does nothing else.
func forwardCommand(statsd string, s setup) ([]string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	central, err := tcp.Open(tcp.Config{Listener: listener, Dir: filepath.Join(s.dir, "central")})
	if err != nil {
		return nil, err
	}
	_, err = central.Join(context.Background(), link.Settings{
		Version: link.SettingsVersion, Partitions: 64, Interval: s.flush, Horizon: time.Hour, Tags: "drop",
	})
	if err != nil {
		return nil, fmt.Errorf("central: %w", err)
	}
	return append(statsdCommand(statsd, s), "--forward", "statsd://"+listener.Addr().String(), "--forward-id", "bench",
		"--spool-dir", filepath.Join(s.dir, "spool")), nil
}
