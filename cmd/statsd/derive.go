package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// monitorDistance is the difference between the ports of the monitor and the daemon.
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

// deriveNSCA names the host and the service that are reported on.
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

// fitToInterval moves defaults that an unusual flush interval makes impossible.
func (all settings) fitToInterval() {
	interval := all.duration("flush-interval")
	if s := all.get("gauge-expire"); !s.given() && all.duration(s.name) < interval {
		s.values = []value{{interval.String(), fromDefault}}
	}
	if s := all.get("pipe-timeout"); !s.given() && all.duration(s.name) > interval/2 {
		s.values = []value{{(interval / 2).String(), fromDefault}}
	}
}

// deriveMonitorPort picks the port of the monitor. The system picks it if it picks the port
// of the daemon.
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
