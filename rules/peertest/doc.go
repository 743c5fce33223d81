// Package peertest compares package rules with statsd_exporter's mapper. The package contains only
// tests.
package peertest
