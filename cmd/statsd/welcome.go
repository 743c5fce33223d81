package main

import (
	"fmt"
	"io"
	"net"
)

// welcome prints the next steps for a user who starts the daemon on a terminal without a sink: how to send lines,
// how to look at the values, and how to publish them.
func (d *daemon) welcome(w io.Writer) {
	host, port := reachable(d.Addr().String())
	look := "with a monitor (--monitor-port)"
	if monitor := d.MonitorAddr(); monitor != nil {
		host, port := reachable(monitor.String())
		look = "http://" + net.JoinHostPort(host, port) + "/"
	}
	fmt.Fprintf(w, "  send:     echo 'hits:1|c' | nc -uw1 %s %s\n", host, port)
	fmt.Fprintf(w, "  look:     %s\n", look)
	fmt.Fprintf(w, "  publish:  statsd --graphite-host HOST, or -s stdout:// to see it here\n")
}

// reachable splits an address into host and port. It replaces a loopback address and the wildcard address by
// localhost.
func reachable(address string) (host, port string) {
	host, port, _ = net.SplitHostPort(address)
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return host, port
}
