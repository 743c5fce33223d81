// Package peertest compares package rules with statsd_exporter's mapper. It has tests only.
package peertest
