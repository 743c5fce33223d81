// Package cluster tests daemons that form a cluster over real NATS servers. make test-cluster runs
// the tests.
package cluster
