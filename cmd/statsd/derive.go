package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// monitorDistance is added to the daemon's port to get the default port of the monitor.
const monitorDistance = 10

// derive sets the defaults that depend on the machine or on other settings.
func (all settings) derive() error {
	all.setDefault("receivers", strconv.Itoa(runtime.GOMAXPROCS(0)))
	all.deriveLayout()
	all.fitToInterval()
	all.deriveCollect()
	if err := all.deriveMonitorPort(); err != nil {
		return err
	}
	if all.given("graphite-host") || all.given("graphite-port") {
		all.setDefault("graphite-host", "localhost")
		all.setDefault("graphite-port", "2003")
	}
	if all.given("nsca-server") {
		return all.deriveNSCA()
	}
	return nil
}

// deriveNSCA sets the default host and service for reports to Nagios.
func (all settings) deriveNSCA() (err error) {
	if !all.given("nsca-host") {
		host, unknown := os.Hostname()
		if unknown != nil {
			err = fmt.Errorf("--nsca-host: is needed, because the name of this host is unknown: %w", unknown)
		}
		all.setDefault("nsca-host", host)
	}
	if all.setDefault("nsca-service", all.text("metadata-prefix")); all.text("nsca-service") == "" {
		err = errors.Join(err, errors.New("--nsca-service: is empty, because --metadata-prefix is empty; give the name of a service in Nagios"))
	}
	return err
}

// fitToInterval changes defaults that are impossible with the configured flush interval.
func (all settings) fitToInterval() {
	interval := all.duration("flush-interval")
	if s := all.get("gauge-expire"); !s.given() && all.duration(s.name) < interval {
		s.values = []value{{interval.String(), fromDefault}}
	}
	if s := all.get("pipe-timeout"); !s.given() && all.duration(s.name) > interval/2 {
		s.values = []value{{(interval / 2).String(), fromDefault}}
	}
}

// deriveMonitorPort sets the default port of the monitor. If the daemon's port is 0, the monitor's port is 0 too,
// and the system selects both.
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
		return fmt.Errorf("--port %d: leaves no port for the monitor, whose default port is higher by %d; give --monitor-port, or --monitor-port off", port, monitorDistance)
	}
	all.setDefault("monitor-port", strconv.Itoa(monitor))
	return nil
}
