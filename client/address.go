package client

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const defaultPort = "8125"

// hostPort adds the default port to an address without a port. It returns false if the address is invalid.
func hostPort(address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil { // the address has no port, or it is an IPv6 address without brackets
		host, port = trimBrackets(address), defaultPort
	}
	return net.JoinHostPort(host, port), isHost(host) && isPort(port)
}

// trimBrackets changes "[::1]" to "::1".
func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

// isHost reports whether s is only a host. It returns false for a URL, and for a host with a port.
func isHost(s string) bool {
	if !strings.ContainsAny(s, "/: ") {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
