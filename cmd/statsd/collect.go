package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/intake/admit"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/nats"
	"github.com/statsd-ops/statsd/link/tcp"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server"
)

// centralDirectory is the name of the central daemon's directory in --spool-dir.
const centralDirectory = "collect"

// deriveCollect sets the defaults that depend on the scheme of the --collect URL.
func (all settings) deriveCollect() {
	if !all.given("collect") {
		return
	}
	partitions, bytes := "16", "64GiB"
	if c, err := parseCollect(all.text("collect")); err == nil && c.isCentral() {
		partitions, bytes = "4", "1GiB"
	}
	all.setDefault("collect-partitions", partitions)
	all.setDefault("collect-bytes", bytes)
}

// addCollect adds the cluster of --collect to the configuration.
func (all settings) addCollect(cfg *server.Config) error {
	url := all.text("collect")
	if url == "" {
		return nil
	}
	from, err := parseCollect(url)
	if err == nil {
		err = from.checkCollect(all)
	}
	if err != nil {
		return metric.FlagErrorf("--collect", url, "%w", err)
	}
	c := collect.Cluster{
		CollectFrom: from.address(), CollectAfter: from.time("from"), CollectUntil: from.time("until"), CollectID: cmp.Or(all.text("collect-id"), hostname()),
		CollectPartitions: all.count("collect-partitions"), CollectReplicas: all.count("collect-replicas"), CollectBytes: int64(all.bytes("collect-bytes")),
		Lateness: all.duration("lateness"), Late: collect.Late(all.text("late")), LateHorizon: all.duration("late-horizon"),
	}
	log := cfg.Log
	if from.isCentral() {
		dir, fsync := filepath.Join(all.text("spool-dir"), centralDirectory), all.duration("spool-fsync")
		c.OpenCluster = func() (*collect.Connection, error) {
			return from.openCentral(tcp.Config{Dir: dir, MaxBytes: c.CollectBytes, FsyncEvery: fsync, MaxEdges: cfg.Edges(), Tell: tell(log)})
		}
	} else {
		c.OpenCluster = func() (*collect.Connection, error) { return from.openNATS(&c, log) }
	}
	cfg.Cluster = c
	return nil
}

// collectEnds reports whether another cluster replaces the cluster of --collect at some time.
func (all settings) collectEnds() bool {
	c, err := parseCollect(all.text("collect"))
	return err == nil && !c.time("until").IsZero()
}

// isCentral reports whether the cluster consists of one central daemon and its edge daemons,
// without NATS.
func (c *clusterURL) isCentral() bool { return strings.HasPrefix(c.scheme.name, "statsd") }

// checkCollect returns an error if the URL is not valid for --collect.
func (c *clusterURL) checkCollect(all settings) error {
	if !c.isCentral() {
		return c.checkForward()
	}
	if !all.given("spool-dir") {
		return errors.New("needs --spool-dir, the directory for messages from edge daemons")
	}
	for _, key := range []string{"server-name", "insecure"} {
		if s := c.get(key); s != nil && len(s.values) > 0 {
			return fmt.Errorf("%s: is only valid for --forward: a central daemon does not check a server's certificate", key)
		}
	}
	if c.scheme.name == "statsd+tls" && (c.text("cert") == "" || c.text("key") == "") {
		return errors.New("needs cert and key, the PEM files of this daemon's certificate")
	}
	if err := c.checkKeys(); err != nil {
		return err
	}
	_, err := c.admission()
	return err
}

// tell returns a function that logs errors of a connection to the cluster.
func tell(log zerolog.Logger) func(error) {
	return func(err error) { log.Warn().Err(err).Msg("cluster") }
}

// openCentral starts to accept the connections of edge daemons.
func (c *clusterURL) openCentral(cfg tcp.Config) (*collect.Connection, error) {
	admit, err := c.admission()
	if err != nil {
		return nil, err
	}
	cfg.Admit, cfg.Keys = admit, c.sharedKeys()
	listener, err := bind.TCP(c.hosts[0])
	if err != nil {
		return nil, err
	}
	cfg.Listener = listener
	e, err := tcp.Open(cfg)
	if err != nil {
		return nil, err
	}
	return &collect.Connection{
		Engine:  e,
		Members: func(string) link.Members { return e.Members() },
		Sender:  func() (link.Sender, error) { return e.Sender(), nil },
		Edges: func() collect.EdgeConnections {
			s := e.Stats()
			return collect.EdgeConnections{Refused: s.Refused, Evicted: s.Evicted}
		},
	}, nil
}

// admission returns the function that checks the connections of edge daemons, or nil if all edge
// daemons may connect. The function reads the key and certificate files again for each connection.
// If the files are invalid, it uses the last valid content.
func (c *clusterURL) admission() (func(context.Context, net.Conn) (net.Conn, error), error) {
	cfg, err := c.doorConfig()
	if err != nil || cfg == (admit.Config{}) {
		return nil, err
	}
	d, err := admit.Open(cfg)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		next, failed := admit.Open(cfg)
		if failed == nil {
			d.Follow(next)
		}
		admitted, why := d.Admit(ctx, conn)
		switch {
		case why == listen.Left:
			return nil, io.EOF
		case why != listen.Admitted:
			return nil, errors.Join(refusals[why], failed)
		}
		return admitted, nil
	}, nil
}

// refusals are the error texts for refused edge daemons.
var refusals = map[listen.Refusal]error{
	listen.Denied:         errors.New("its address is not in the list of the setting allow"),
	listen.NoCertificate:  errors.New("it has no certificate, and the setting client-ca requires one"),
	listen.BadCertificate: errors.New("its certificate is expired, or no authority in the file of client-ca has signed it"),
	listen.BadName:        errors.New("no name in its certificate matches the setting allow-name"),
	listen.Handshake:      errors.New("it does not use TLS, or it uses another version of TLS, or it does not trust the certificate of this daemon"),
	listen.SlowHandshake:  errors.New("its TLS handshake took too long"),
	listen.Crowded:        errors.New("its TLS handshake was canceled, because too many handshakes were running"),
}

// openNATS connects this daemon to the NATS servers of a cluster.
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

// collectPlaces returns the port that a central daemon listens on.
func (all settings) collectPlaces() []place {
	c, err := parseCollect(all.text("collect"))
	if err != nil || !c.isCentral() {
		return nil
	}
	host, port, _ := net.SplitHostPort(c.hosts[0])
	return []place{{"--collect", host, port}}
}
