// Package nodes runs NATS clusters for tests. A cluster has three nats-server processes, with the
// NATS users of contrib/nats.
package nodes

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// build compiles nats-server, and returns the path of the program.
var build = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "nats-server")
	cmd.Dir = filepath.Join(Tree(), "cluster")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go tool -n nats-server: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
})

// Program returns the path of nats-server.
func Program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Tree returns the root directory of this source tree.
func Tree() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Cluster is a NATS cluster.
type Cluster struct {
	Nodes []*Node
}

// Node is one nats-server process.
type Node struct {
	Name   string
	Client string // address for clients

	t       testing.TB
	cluster string // address for the other nodes; connections to it go through routes
	routes  *routes
	dir     string
	cmd     *exec.Cmd
	exited  chan struct{}
}

// Options change the cluster that Start makes.
type Options struct {
	Nodes     int    // number of nodes; 0 means 3
	JetStream string // additional lines for the block jetstream of the configuration
	Client    string // additional lines with settings for clients
	Users     string // users that replace the users of contrib/nats; if it is empty, these users are kept
}

// Start starts a cluster. Its directories are temporary directories of the test. The cluster is
// stopped at the end of the test.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	base := counterpart.FreeAddress(t) // base has the first of ports.Count consecutive ports, which are all reserved
	port := func(i int) string { return fmt.Sprintf("%v:%d", base.Addr(), int(base.Port())+i) }
	passing := newRoutes(t)
	var routes []string
	for i := range o.Nodes {
		routes = append(routes, passing.listen(t, port(o.Nodes+i)))
	}
	c := &Cluster{}
	for i := range o.Nodes {
		n := &Node{t: t, Name: string(rune('a' + i)), Client: port(i), cluster: port(o.Nodes + i), routes: passing, dir: t.TempDir()}
		n.configure(routes, routes[i], o)
		c.Nodes = append(c.Nodes, n)
		n.Start()
		t.Cleanup(n.Kill)
	}
	return c
}

// configure writes the configuration of a node. It contains the example configuration of
// contrib/nats.
func (n *Node) configure(routes []string, advertise string, o Options) {
	n.t.Helper()
	sample, err := os.ReadFile(filepath.Join(Tree(), "contrib", "nats", "statsd.conf"))
	if err != nil {
		n.t.Fatal(err)
	}
	shared := strings.ReplaceAll(string(sample), "store_dir: data", "store_dir: "+filepath.Join(n.dir, "data")+"\n"+o.JetStream)
	if o.Users != "" {
		shared = shared[:strings.Index(shared, "authorization {")] + o.Users
	}
	text := fmt.Sprintf("server_name: %s\nlisten: %s\n%s\n%s\ncluster { name: statsd, listen: %q, advertise: %q, no_advertise: true, routes: [nats://%s] }\n",
		n.Name, n.Client, shared, o.Client, n.cluster, advertise, strings.Join(routes, ", nats://"))
	if len(routes) == 1 {
		text = text[:strings.LastIndex(text, "cluster {")] // JetStream on a single server needs no cluster section
	}
	if err := os.WriteFile(filepath.Join(n.dir, "nats.conf"), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// Start starts the node. It can be called again after Kill.
func (n *Node) Start() {
	n.t.Helper()
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(Program(n.t), "-c", "nats.conf")
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // kill the server if the test process ends
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	exited := make(chan struct{})
	n.cmd, n.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	n.await()
}

// await waits until the node accepts connections.
func (n *Node) await() {
	n.t.Helper()
	for deadline := time.Now().Add(wait.Patience); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", n.Client); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-n.exited:
			n.t.Fatalf("nats-server %s has ended:\n%s", n.Name, n.Log())
		default:
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("nats-server %s does not listen:\n%s", n.Name, n.Log())
		}
	}
}

// Kill ends the node with kill -9.
func (n *Node) Kill() {
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Error(err)
	}
	<-n.exited
}

// Freeze suspends the process of the node.
func (n *Node) Freeze() { n.signal(syscall.SIGSTOP) }

// CutOff cuts the connections between the node and the other nodes, or restores them. Connections
// of clients are not affected.
func (n *Node) CutOff(cut bool) { n.routes.set(n.cluster, cut) }

// Thaw resumes the process of a node after Freeze.
func (n *Node) Thaw() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(s os.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Error(err)
	}
}

// Log returns the node's log.
func (n *Node) Log() string {
	text, err := os.ReadFile(filepath.Join(n.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Servers returns, for each node, the address to which clients connect.
func (c *Cluster) Servers() (all []string) {
	for _, n := range c.Nodes {
		all = append(all, n.Client)
	}
	return all
}

// Named returns the node with this name.
func (c *Cluster) Named(name string) *Node {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Key returns the path of a seed file of contrib/nats. role is "edge" or "owner".
func Key(role string) string { return filepath.Join(Tree(), "contrib", "nats", role+".nk") }
