package main

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Address of the monitor of a daemon with default flags on this host.
const (
	defaultHost = "localhost"
	defaultPort = "8135"
)

// address returns the host:port of the monitor. The command line gives it as HOST PORT, HOST, PORT or HOST:PORT.
func address(host, port string) (string, error) {
	if port == "" {
		host, port = split(host)
	} else if _, _, err := net.SplitHostPort(host); err == nil {
		return "", fmt.Errorf("host %s: has a port already, but the port %s is given too", strconv.QuoteToASCII(host), strconv.QuoteToASCII(port))
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.ContainsFunc(host, notInHost) {
		return "", fmt.Errorf("host %s: must be a name or an address", strconv.QuoteToASCII(host))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %s: must be a number from 1 to 65535", strconv.QuoteToASCII(port))
	}
	return net.JoinHostPort(cmp.Or(host, defaultHost), port), nil
}

func notInHost(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/[]@?#", r) }

// split splits an argument into host and port.
func split(text string) (host, port string) {
	if strings.Trim(text, "0123456789") == "" {
		return defaultHost, cmp.Or(text, defaultPort)
	}
	if host, port, err := net.SplitHostPort(text); err == nil {
		return host, port
	}
	return text, defaultPort // this can also be an IPv6 address without a port
}

// target is the address of a monitor, and whether to use TLS.
type target struct {
	address string
	tls     bool
}

// at parses the value of --at: HOST, HOST:PORT or PORT, with or without http:// or https:// before it.
func at(text string) (target, error) {
	rest, secure := strings.CutPrefix(text, "https://")
	if !secure {
		rest = strings.TrimPrefix(text, "http://")
	}
	if rest != text {
		rest = strings.TrimSuffix(rest, "/")
	}
	a, err := address(rest, "")
	return target{a, secure}, err
}
