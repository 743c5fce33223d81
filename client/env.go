package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// FromEnv returns a copy of cfg. It takes settings that are missing in cfg from environment variables, which have the
// same meaning as for sprockets-statsd. Pass the result to [New], or to [NewSprockets] for the names of
// sprockets-statsd.
//
//	STATSD_ENABLED   The client is enabled if this variable is unset, an integer other than 0, or on, t, true or yes
//	                 (in lower or upper case). For any other value, the client is Disabled.
//	STATSD_HOST      The host. Without a host, the client is Disabled.
//	STATSD_PORT      The port, 8125 by default. It is also used for a Config.Address without a port. Kubernetes sets
//	                 this variable to a URL such as tcp://10.0.0.1:8125. The URL is also used for the host and the
//	                 protocol if STATSD_HOST or STATSD_PROTOCOL is unset.
//	STATSD_PROTOCOL  tcp (the default) or udp.
//	STATSD_PREFIX    The prefix. If it is set to "", there is no prefix. If it is unset, the prefix is
//	                 applications.SERVICE.ENVIRONMENT with values from cfg. If these are missing, it is an error.
//
// An empty STATSD_PREFIX means no prefix, as in the documentation of sprockets-statsd. The code of sprockets-statsd
// treats it like an unset variable.
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

// serverFromEnv sets the address and the network from the environment.
func (cfg *Config) serverFromEnv() error {
	if cfg.unix() {
		return nil
	}
	host, from := cfg.Address, "Config.Address"
	if _, _, err := net.SplitHostPort(host); err == nil { // the host already contains a port
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

// protocolFromEnv sets the network from STATSD_PROTOCOL, or from the scheme of the URL in STATSD_PORT.
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

// truthy parses a flag as sprockets-statsd does. That package uses Python's int, which accepts any
// number of digits.
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
