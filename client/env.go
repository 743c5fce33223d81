package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// FromEnv returns cfg, with missing settings taken from the environment by sprockets-statsd's rules. Settings in cfg
// have priority. Pass the result to [New], or to [NewSprockets] for sprockets' names.
//
//	STATSD_ENABLED   on if unset, an integer other than 0, or on, t, true or yes
//	                 in any case; else Disabled
//	STATSD_HOST      the host; without it the client is Disabled
//	STATSD_PORT      a port, 8125 if unset, also for a Config.Address without a
//	                 port; or a URL such as tcp://10.0.0.1:8125, which Kubernetes
//	                 sets: it replaces an unset STATSD_HOST and STATSD_PROTOCOL
//	STATSD_PROTOCOL  tcp, if unset, or udp
//	STATSD_PREFIX    the prefix; none if set and empty. If it is unset,
//	                 applications.SERVICE.ENVIRONMENT from cfg, or an error
//
// Sprockets reads an empty STATSD_PREFIX as unset. Its documentation does not.
func (cfg Config) FromEnv() (Config, error) {
	if enabled, ok := os.LookupEnv("STATSD_ENABLED"); ok && !cfg.Enabled && !truthy(enabled) {
		cfg.Disabled = true
	}
	if cfg.Disabled {
		return cfg, nil
	}
	if err := cfg.serverFromEnv(); err != nil || cfg.Disabled {
		return cfg, err
	}
	if cfg.Prefix != "" || cfg.NoPrefix {
		return cfg, nil
	}
	prefix, set := os.LookupEnv("STATSD_PREFIX")
	switch {
	case set:
		cfg.Prefix = prefix
	case cfg.Service != "" && cfg.Environment != "":
		cfg.Prefix = "applications." + cfg.Service + "." + cfg.Environment
	default:
		return cfg, errors.New("statsd client: no prefix: set STATSD_PREFIX (empty for none), Config.Service and Environment, or Config.NoPrefix")
	}
	return cfg, nil
}

// serverFromEnv sets the address and network of cfg.
func (cfg *Config) serverFromEnv() error {
	if cfg.unix() {
		return nil
	}
	host, from := cfg.Address, "Config.Address"
	if _, _, err := net.SplitHostPort(host); err == nil { // it has a port
		return cfg.protocolFromEnv("")
	}
	if host == "" {
		host, from = os.Getenv("STATSD_HOST"), "STATSD_HOST"
	}
	port, scheme := os.Getenv("STATSD_PORT"), ""
	if strings.Contains(port, "://") {
		u, err := url.Parse(port)
		if err != nil {
			return fmt.Errorf("statsd client: STATSD_PORT is neither a port nor a URL: %w", err)
		}
		orElse(&host, u.Hostname())
		scheme, port = u.Scheme, u.Port()
	}
	if host == "" {
		if cfg.Enabled {
			return errors.New("statsd client: no server: set STATSD_HOST or Config.Address, or leave Config.Enabled unset")
		}
		cfg.Disabled = true
		return nil
	}
	orElse(&port, defaultPort)
	if !isHost(trimBrackets(host)) {
		return fmt.Errorf("statsd client: %s is %q, and must be only a host; STATSD_PORT has the port", from, host)
	}
	if !isPort(port) {
		return fmt.Errorf("statsd client: STATSD_PORT is %q, and must be a port from 1 to 65535, or a URL such as tcp://10.0.0.1:8125", os.Getenv("STATSD_PORT"))
	}
	cfg.Address = net.JoinHostPort(trimBrackets(host), port)
	return cfg.protocolFromEnv(scheme)
}

// protocolFromEnv sets the network, from STATSD_PROTOCOL or from the scheme in
// STATSD_PORT.
func (cfg *Config) protocolFromEnv(scheme string) error {
	if cfg.Network != "" {
		return nil
	}
	protocol, from := strings.ToLower(os.Getenv("STATSD_PROTOCOL")), "STATSD_PROTOCOL"
	if protocol == "" && scheme != "" {
		protocol, from = scheme, "the protocol in STATSD_PORT"
	}
	orElse(&protocol, "tcp")
	if protocol != "tcp" && protocol != "udp" {
		return fmt.Errorf("statsd client: %s is %q, and must be tcp or udp", from, protocol)
	}
	cfg.Network = protocol
	return nil
}

// truthy reads a flag as sprockets does: Python's int takes any number of digits.
func truthy(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		return strings.Trim(digits, "0") != ""
	}
	return s == "on" || s == "t" || s == "true" || s == "yes"
}
