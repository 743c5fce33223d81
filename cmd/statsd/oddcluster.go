package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
)

// oddEdge returns warnings about an edge daemon: data that is lost at a restart, certificates that
// are not checked, and settings that only the owners of the cluster use.
func (all settings) oddEdge(sinks []*endpoint) (odd []string) {
	to, err := parseForward(all.text("forward"))
	if err != nil {
		return nil
	}
	if !all.given("spool-dir") {
		odd = append(odd, "--forward without --spool-dir: data that the cluster has not accepted is lost when the daemon ends")
	}
	if to.insecure() {
		odd = append(odd, fmt.Sprintf("--forward %s: insecure: the certificate of the cluster is not checked, so another host could pretend to be the cluster", to.url))
	}
	if from, err := parseCollect(all.text("collect")); err == nil && from.isCentral() && slices.ContainsFunc(all.collectPlaces(), to.reaches) {
		odd = append(odd, fmt.Sprintf("--forward %s is this daemon's own --collect; leave out --forward: a central daemon also publishes the data that it receives itself", to.url))
	}
	if len(sinks) > 0 || all.given("collect") {
		return odd
	}
	var idle []string
	for _, s := range all {
		if s.group == groupFlush && s.given() && !slices.Contains([]string{"flush-interval", "naming", "metadata-prefix"}, s.name) {
			idle = append(idle, "--"+s.name)
		}
	}
	if len(idle) > 0 {
		odd = append(odd, strings.Join(idle, ", ")+" without a sink: the owners of the cluster decide what is published")
	}
	return odd
}

// reaches reports whether the URL names a port that this daemon itself listens on.
func (c *clusterURL) reaches(p place) bool {
	return slices.ContainsFunc(c.hosts, func(address string) bool {
		host, port, _ := net.SplitHostPort(address)
		return p.name == port && overlap(cmp.Or(p.host, "127.0.0.1"), loopback(host))
	})
}

// Limits of a NATS server: see docs/cluster.md.
const (
	natsMessages = 10000 // per second
	usualEdges   = 1000
	usualCopies  = 3
)

// oddOwner returns warnings about settings of an owner that are valid, but probably wrong. For example, the cluster
// needs more messages than NATS can handle, or a setting has no effect with this kind of cluster.
func (all settings) oddOwner() (odd []string) {
	from, err := parseCollect(all.text("collect"))
	if err != nil {
		return nil
	}
	if all.duration("lateness") == 0 {
		odd = append(odd, "--lateness 0: each interval is published before the data of all daemons has arrived, and corrected later")
	}
	copies, partitions, interval := all.count("collect-replicas"), all.count("collect-partitions"), all.duration("flush-interval")
	if from.isCentral() {
		if all.given("collect-replicas") {
			odd = append(odd, "--collect-replicas has no effect if the URL of --collect begins with statsd://: only NATS stores copies")
		}
		return odd
	}
	if copies < usualCopies {
		odd = append(odd, fmt.Sprintf("--collect-replicas %d: in a new cluster, the failure of a NATS server stops the partitions that it stores; with %d copies, all partitions continue", copies, usualCopies))
	}
	if edges := int(natsMessages * interval.Seconds() / float64(partitions)); edges < usualEdges {
		odd = append(odd, fmt.Sprintf("--collect-partitions %d with --flush-interval %v: with more than %d edge daemons, there are more than %d messages a second, which may be too many for NATS",
			partitions, interval, edges, natsMessages))
	}
	return odd
}
