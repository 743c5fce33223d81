// Package cluster tests daemons that work together over real NATS servers: make test-cluster.
package cluster
