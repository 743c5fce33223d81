package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// monitorDistance is how far the monitor's port is above the daemon's.
const monitorDistance = 10

// derive sets the defaults that depend on the machine or on other settings.
func (all settings) derive() error {
	all.setDefault("receivers", strconv.Itoa(runtime.GOMAXPROCS(0)))
	all.deriveLayout()
	if err := all.deriveMonitorPort(); err != nil {
		return err
	}
	if all.given("graphite-host") || all.given("graphite-port") {
		all.setDefault("graphite-host", "localhost")
		all.setDefault("graphite-port", "2003")
	}
	if !all.given("nsca-server") {
		return nil
	}
	all.setDefault("nsca-service", all.text("metadata-prefix"))
	if all.given("nsca-host") {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("--nsca-host: was not given, and the system's name is not known: %w", err)
	}
	all.setDefault("nsca-host", host)
	return nil
}

// deriveMonitorPort picks the monitor's port: for a daemon whose port is
// picked by the system, it is so too.
func (all settings) deriveMonitorPort() error {
	if all.given("monitor-port") {
		return nil
	}
	port := all.count("port")
	monitor := port + monitorDistance
	switch {
	case port == 0:
		monitor = 0
	case port <= 65535 && monitor > 65535:
		return fmt.Errorf("--port %d: leaves no port for the monitor, which has the port plus %d; give --monitor-port, or --monitor-port off", port, monitorDistance)
	}
	all.setDefault("monitor-port", strconv.Itoa(monitor))
	return nil
}
