package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// FromEnv returns the client that the environment describes, by the rules of
// [Config.FromEnv]. Its lines are those of [NewSprockets].
func FromEnv() (*Client, error) {
	cfg, err := Config{}.FromEnv()
	if err != nil {
		return nil, err
	}
	return NewSprockets(cfg)
}

// FromEnv returns cfg with what it leaves open taken from the environment, by
// sprockets-statsd's rules. What is set in cfg wins.
//
//	STATSD_ENABLED   on if unset, a non-zero integer, or on, t, true, yes in any case; else Disabled
//	STATSD_HOST      the host; without one the client is Disabled
//	STATSD_PORT      a port, 8125 if unset, or a URL such as tcp://10.0.0.1:8125,
//	                 as Kubernetes sets it: its host and protocol serve where
//	                 STATSD_HOST and STATSD_PROTOCOL are unset
//	STATSD_PROTOCOL  tcp, if unset, or udp
//	STATSD_PREFIX    the prefix; else applications.SERVICE.ENVIRONMENT if cfg has
//	                 Service and Environment; else it is an error, unless it is
//	                 set and empty: names without a prefix should be meant
func (cfg Config) FromEnv() (Config, error) {
	if enabled, ok := os.LookupEnv("STATSD_ENABLED"); ok && !truthy(enabled) {
		cfg.Disabled = true
	}
	if cfg.Disabled {
		return cfg, nil
	}
	if cfg.Address == "" {
		server, err := serverFromEnv()
		if err != nil {
			return cfg, err
		}
		if server.host == "" {
			cfg.Disabled = true
			return cfg, nil
		}
		cfg.Address = net.JoinHostPort(trimBrackets(server.host), server.port)
		orElse(&cfg.Network, server.protocol)
	} else if cfg.Network == "" {
		protocol, err := protocolFromEnv("")
		if err != nil {
			return cfg, err
		}
		cfg.Network = protocol
	}
	if cfg.Prefix != "" {
		return cfg, nil
	}
	prefix, set := os.LookupEnv("STATSD_PREFIX")
	switch {
	case prefix != "":
		cfg.Prefix = prefix
	case cfg.Service != "" && cfg.Environment != "":
		cfg.Prefix = "applications." + cfg.Service + "." + cfg.Environment
	case !set:
		return cfg, errors.New("statsd client: no prefix: set STATSD_PREFIX, to nothing if names are to have none, or Config.Service and Environment")
	}
	return cfg, nil
}

type envServer struct{ host, port, protocol string }

func serverFromEnv() (envServer, error) {
	s := envServer{host: os.Getenv("STATSD_HOST"), port: os.Getenv("STATSD_PORT")}
	scheme := ""
	if strings.Contains(s.port, "://") {
		u, err := url.Parse(s.port)
		if err != nil {
			return s, fmt.Errorf("statsd client: STATSD_PORT is no port and no URL: %w", err)
		}
		orElse(&s.host, u.Hostname())
		scheme, s.port = u.Scheme, u.Port()
	}
	orElse(&s.port, defaultPort)
	if !isHost(trimBrackets(s.host)) {
		return s, fmt.Errorf("statsd client: STATSD_HOST is %q: want a host alone, the port is STATSD_PORT's", s.host)
	}
	if !isPort(s.port) {
		return s, fmt.Errorf("statsd client: STATSD_PORT is %q: want a port from 1 to 65535, or a URL such as tcp://10.0.0.1:8125", os.Getenv("STATSD_PORT"))
	}
	var err error
	s.protocol, err = protocolFromEnv(scheme)
	return s, err
}

// protocolFromEnv returns the protocol, that of STATSD_PORT if it has no
// variable of its own.
func protocolFromEnv(scheme string) (string, error) {
	protocol, from := strings.ToLower(os.Getenv("STATSD_PROTOCOL")), "STATSD_PROTOCOL"
	if protocol == "" && scheme != "" {
		protocol, from = scheme, "the protocol in STATSD_PORT"
	}
	orElse(&protocol, "tcp")
	if protocol != "tcp" && protocol != "udp" {
		return "", fmt.Errorf("statsd client: %s is %q: want tcp or udp", from, protocol)
	}
	return protocol, nil
}

// truthy is sprockets' reading of a flag.
func truthy(s string) bool {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n != 0
	}
	switch strings.ToLower(s) {
	case "on", "t", "true", "yes":
		return true
	}
	return false
}
