package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/nats"
	"github.com/statsd-ops/statsd/link/tcp"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/secure"
)

// centralDirectory is the directory of a central in --spool-dir.
const centralDirectory = "collect"

// deriveCollect sets the defaults that depend on the scheme of --collect.
func (all settings) deriveCollect() {
	if !all.given("collect") {
		return
	}
	partitions, bytes := "16", "64GiB"
	if strings.HasPrefix(all.text("collect"), "statsd") {
		partitions, bytes = "4", "1GiB"
	}
	all.setDefault("collect-partitions", partitions)
	all.setDefault("collect-bytes", bytes)
}

// addCollect sets which cluster is collected from.
func (all settings) addCollect(cfg *server.Config) error {
	url := all.text("collect")
	if url == "" {
		return nil
	}
	from, err := parseClusterURL(url)
	if err == nil {
		err = from.checkCollect(all)
	}
	if err != nil {
		return metric.FlagErrorf("--collect", url, "%w", err)
	}
	c := collect.Cluster{
		CollectFrom: from.address(), CollectID: cmp.Or(all.text("collect-id"), hostname()),
		CollectPartitions: all.count("collect-partitions"), CollectReplicas: all.count("collect-replicas"), CollectBytes: int64(all.bytes("collect-bytes")),
		Lateness: all.duration("lateness"), Late: collect.Late(all.text("late")), LateHorizon: all.duration("late-horizon"),
	}
	log := cfg.Log
	if from.isCentral() {
		dir, fsync := filepath.Join(all.text("spool-dir"), centralDirectory), all.duration("spool-fsync")
		c.OpenCluster = func() (*collect.Connection, error) {
			return from.openCentral(tcp.Config{Dir: dir, MaxBytes: c.CollectBytes, FsyncEvery: fsync, Tell: tell(log)})
		}
	} else {
		c.OpenCluster = func() (*collect.Connection, error) { return from.openNATS(&c, log) }
	}
	cfg.Cluster = c
	return nil
}

// isCentral reports whether the cluster has one central, and no engine.
func (c *clusterURL) isCentral() bool { return strings.HasPrefix(c.scheme.name, "statsd") }

// checkCollect refuses a URL that no owner can have.
func (c *clusterURL) checkCollect(all settings) error {
	if !c.isCentral() {
		return c.checkForward()
	}
	if !all.given("spool-dir") {
		return errors.New("needs --spool-dir, where the messages of the edges are kept")
	}
	for _, key := range []string{"server-name", "insecure"} {
		if s := c.get(key); s != nil && len(s.values) > 0 {
			return fmt.Errorf("%s: is for --forward: a central does not check a server", key)
		}
	}
	if c.scheme.name == "statsd+tls" && (c.text("cert") == "" || c.text("key") == "") {
		return errors.New("needs cert and key, the PEM files of this daemon's certificate")
	}
	return nil
}

// tell logs what an engine has to tell.
func tell(log zerolog.Logger) func(error) {
	return func(err error) { log.Warn().Err(err).Msg("cluster") }
}

// openCentral makes this daemon the central of a cluster.
func (c *clusterURL) openCentral(cfg tcp.Config) (*collect.Connection, error) {
	if path := c.text("keys"); path != "" {
		cfg.Keys = func() ([][]byte, error) { return readKeys(path) }
		if _, err := cfg.Keys(); err != nil {
			return nil, err
		}
	}
	var encrypted *tls.Config
	if c.scheme.name == "statsd+tls" {
		var err error
		if encrypted, err = c.serverTLS(); err != nil {
			return nil, err
		}
	}
	listener, err := bind.TCP(c.hosts[0])
	if err != nil {
		return nil, err
	}
	cfg.Listener = listener
	if encrypted != nil {
		cfg.Listener = tls.NewListener(listener, encrypted)
	}
	e, err := tcp.Open(cfg)
	if err != nil {
		return nil, err
	}
	return &collect.Connection{
		Engine:  e,
		Members: func(string) link.Members { return e.Members() },
		Sender:  func() (link.Sender, error) { return e.Sender(), nil },
	}, nil
}

// serverTLS returns the settings of TLS for edges that connect. The certificate is read for each of them, so a
// new one needs no restart. With ca edges need a certificate too.
func (c *clusterURL) serverTLS() (*tls.Config, error) {
	read := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.text("cert"), c.text("key"))
		return &pair, err
	}
	if _, err := read(nil); err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: read}
	if c.text("ca") == "" {
		return cfg, nil
	}
	trusted, err := (&secure.TLS{CA: c.text("ca")}).Client("")
	if err != nil {
		return nil, err
	}
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, trusted.RootCAs
	return cfg, nil
}

// openNATS connects an owner to NATS.
func (c *clusterURL) openNATS(of *collect.Cluster, log zerolog.Logger) (*collect.Connection, error) {
	cfg := c.nats(of.CollectID)
	cfg.Replicas, cfg.MaxBytes, cfg.Tell = of.CollectReplicas, of.CollectBytes, tell(log)
	e, err := nats.NewEngine(cfg)
	if err != nil {
		return nil, err
	}
	return &collect.Connection{
		Engine: e, Members: e.Members, Remote: true,
		Sender: func() (link.Sender, error) { return nats.NewSender(cfg) },
	}, nil
}

// collectPlaces returns the port that a central listens on.
func (all settings) collectPlaces() []place {
	c, err := parseClusterURL(all.text("collect"))
	if err != nil || !c.isCentral() {
		return nil
	}
	host, port, _ := net.SplitHostPort(c.hosts[0])
	return []place{{"--collect", host, port}}
}
