package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report/reporttest"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta/question"
)

// clusterMember is a real daemon of a cluster. It can be killed and started again.
type clusterMember struct {
	t             *testing.T
	program, addr string
	monitor       string
	args          []string
	cmd           *exec.Cmd
	said          *bytes.Buffer
}

func newMember(t *testing.T, program string, args ...string) *clusterMember {
	t.Helper()
	addr := counterpart.FreeAddress(t)
	m := &clusterMember{
		t: t, program: program, addr: addr.String(), monitor: fmt.Sprintf("%s:%d", addr.Addr(), addr.Port()+1),
		args: append([]string{
			"--name", addr.Addr().String(), "--port", fmt.Sprint(addr.Port()), "--monitor-port", fmt.Sprint(addr.Port() + 1), "--flush-interval=1s", "--receivers=1",
		}, args...),
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func (m *clusterMember) start() {
	m.t.Helper()
	m.cmd, m.said = exec.Command(m.program, m.args...), &bytes.Buffer{}
	m.cmd.Stdout, m.cmd.Stderr = m.said, m.said
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	wait.Until(m.t, "the daemon does not answer", func() bool {
		c, err := net.Dial("tcp", m.monitor)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// kill kills the daemon with SIGKILL.
func (m *clusterMember) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// send sends samples of counters over TCP. It returns when the daemon has closed the connection, and therefore
// has received all samples.
func (m *clusterMember) send(n int) {
	m.t.Helper()
	c, err := net.Dial("tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	for i := range n {
		_, _ = fmt.Fprintf(c, "web.hits.%d:1|c\n", i%20)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = c.Read(make([]byte, 1))
}

// cluster queries the daemon for the state of its cluster.
func (m *clusterMember) cluster() (c question.Cluster) {
	var out, errs bytes.Buffer
	if code := run(m.t.Context(), []string{"cluster", "--json", "--at", m.monitor}, &out, &errs); code != exitOK {
		return c
	}
	if err := json.Unmarshal(out.Bytes(), &struct{ Data *question.Cluster }{&c}); err != nil {
		m.t.Error(err)
	}
	return c
}

// TestClusterLedger kills the members of a real cluster at critical times, and checks that the ledger still
// balances. Then the central daemon loses acknowledged messages, and the ledger must show the loss.
func TestClusterLedger(t *testing.T) {
	soak.Slow(t)
	bin, dir := t.TempDir(), t.TempDir()
	if err := counterpart.Build(bin, "statsd"); err != nil {
		t.Fatal(err)
	}
	program, door := filepath.Join(bin, "statsd"), counterpart.FreeAddress(t).String()
	central := newMember(t, program, "--collect=statsd://"+door, "--collect-id=central", "--spool-dir="+dir, "--lateness=1s", "--late-horizon=10m", "--sink=load://"+counterpart.FreeAddress(t).String())
	edge := func(name string) *clusterMember {
		return newMember(t, program, "--forward=statsd://"+door, "--forward-id="+name, "--spool-dir="+t.TempDir())
	}
	web1, web2 := edge("web1"), edge("web2")
	committed := func(n uint64) {
		t.Helper()
		wait.Until(t, fmt.Sprintf("%d samples do not come", n), func() bool { return central.cluster().Ledger.Samples == n })
	}
	across := []string{"cluster", "--ledger", "--at", central.monitor, web1.monitor, web2.monitor}

	web1.send(100)
	web2.send(100)
	committed(200)
	central.kill()
	web2.send(50)
	wait.Until(t, "the samples do not wait on disk", func() bool {
		f := web2.cluster().Forward
		return f.Samples == 150 && f.Spooled > 0 && f.State == "FAILING"
	})
	web2.kill()
	central.start()
	web2.start()
	web2.send(30)
	committed(280)
	stdout, _ := invoke(t, exitOK, across...)
	if n := strings.Count(stdout, "balances, up to interval"); n != 2 || !strings.Contains(stdout, "committed                     280\n") {
		t.Errorf("the ledger of the cluster is\n%s", stdout)
	}
	for _, m := range []*clusterMember{central, web1, web2} {
		invoke(t, exitOK, "cluster", "--ledger", "--at", m.monitor)
		invoke(t, exitOK, "cluster", "--at", m.monitor)
	}

	forgets(t, central, web1, dir, across)
	web2.kill()
	wait.Until(t, "the daemon's health does not name the edge that is dead", func() bool {
		var out, errs bytes.Buffer
		run(t.Context(), []string{"status", "--at", central.monitor}, &out, &errs)
		return strings.Contains(out.String(), "1 edge daemon is silent: web2")
	})
	if stdout, _ = invoke(t, exitOK, "cluster", "--at", central.monitor); !strings.Contains(stdout, "web2     SILENT") {
		t.Errorf("a dead edge is not shown:\n%s", stdout)
	}
	alone := newMember(t, program, "--sink=load://"+counterpart.FreeAddress(t).String())
	if stdout, _ := invoke(t, exitNotThere, "cluster", "--at", alone.monitor); !strings.Contains(stdout, "in no cluster: it has neither --collect nor --forward") {
		t.Errorf("a daemon without a cluster says %s", stdout)
	}
}

// forgets makes a central daemon lose acknowledged messages, by restoring its disk from a backup.
func forgets(t *testing.T, central, web1 *clusterMember, dir string, across []string) {
	t.Helper()
	before := central.cluster().Ledger.Samples
	committed := func(n uint64) {
		t.Helper()
		wait.Until(t, fmt.Sprintf("%d samples do not come", n), func() bool { return central.cluster().Ledger.Samples == n })
	}
	backup := t.TempDir()
	central.kill()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	central.start()
	web1.send(10)
	committed(before + 10)
	central.kill()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	central.start()
	web1.send(5)
	committed(before + 5)
	stdout, stderr := invoke(t, exitUnbalanced, across...)
	if !strings.Contains(stdout, "DOES NOT BALANCE") || !strings.Contains(stdout, "edge daemons never came") || stderr != "statsdmonitor: the ledger does not balance: see edge daemon web1\n" {
		t.Errorf("after a loss the ledger is\n%s%s", stdout, stderr)
	}
}

// TestClusterVerdict checks that the ledger of a cluster does not balance if one of its accounts does not
// balance.
func TestClusterVerdict(t *testing.T) {
	owner, edge := reporttest.Central(), reporttest.Edge()
	f := &edge.Forward
	f.Acknowledged, f.Queued, f.Spooled, f.Dropped, f.State = f.Made+f.Recovered, 0, 0, 0, "ok"
	owner.Edges = []question.ClusterEdge{{Edge: "web1", Epoch: f.Epoch, Number: f.Number, Complete: f.Number, Samples: f.Samples}}
	for name, tt := range map[string]struct {
		change  func(owner, edge *question.Cluster)
		fault   string
		settled bool
	}{
		"nothing":                  {func(_, _ *question.Cluster) {}, "", true},
		"a message too few":        {func(o, _ *question.Cluster) { o.Ledger.Difference = 1 }, "messages of all edge daemons", true},
		"own rows":                 {func(o, _ *question.Cluster) { o.Forward.Difference = -1 }, "rows of this daemon", true},
		"rows of the edge":         {func(_, e *question.Cluster) { e.Forward.Difference = 1 }, "edge daemon web1", true},
		"samples too few":          {func(o, _ *question.Cluster) { o.Edges[0].Samples-- }, "edge daemon web1", true},
		"samples too many":         {func(o, _ *question.Cluster) { o.Edges[0].Samples++ }, "edge daemon web1", true},
		"dropped":                  {func(o, e *question.Cluster) { o.Edges[0].Samples--; e.Forward.Dropped = 1 }, "", true},
		"dropped, but too many":    {func(o, e *question.Cluster) { o.Edges[0].Samples++; e.Forward.Dropped = 1 }, "edge daemon web1", true},
		"waiting":                  {func(o, e *question.Cluster) { o.Edges[0].Complete -= 9; o.Edges[0].Samples -= 9; e.Forward.Spooled = 9 }, "", false},
		"on its way":               {func(o, _ *question.Cluster) { o.Edges[0].Complete--; o.Edges[0].Samples -= 9 }, "", false},
		"held":                     {func(o, _ *question.Cluster) { o.Ledger.Held = 1; o.Edges[0].Samples-- }, "", false},
		"acknowledged, never came": {func(o, _ *question.Cluster) { o.Edges[0].Complete -= 9; o.Edges[0].Samples -= 9 }, "edge daemon web1", false},
		"unknown to the owner":     {func(o, _ *question.Cluster) { o.Edges = nil }, "edge daemon web1", false},
		"an earlier run":           {func(o, _ *question.Cluster) { o.Edges[0].Epoch = o.Edges[0].Epoch.Add(-time.Hour) }, "edge daemon web1", false},
	} {
		t.Run(name, func(t *testing.T) {
			o, e := owner, edge
			o.Edges = append([]question.ClusterEdge{}, owner.Edges...)
			tt.change(&o, &e)
			account := compared(&e.Forward, &o)
			r := balanced(result{json: frame{}}, &o, []report.EdgeAccount{account})
			book := r.json.(clusterBook)
			if account.Settled != tt.settled || book.Fault != tt.fault || book.Balances != (tt.fault == "") || (r.verdict == nil) != (tt.fault == "") {
				t.Errorf("settled %v, fault %q, %v, want %v and %q", account.Settled, book.Fault, r.verdict, tt.settled, tt.fault)
			}
		})
	}
}

// TestSameCluster checks an edge daemon that forwards to two clusters. The owner's counts must be
// compared with the edge daemon's counts for the owner's cluster.
func TestSameCluster(t *testing.T) {
	edge := reporttest.Ending()
	owner := reporttest.Central()
	if f := sameCluster(&edge, &owner); f != &edge.Forward {
		t.Errorf("the old cluster is compared with %s", f.Address)
	}
	owner.After = edge.Next.After
	if f := sameCluster(&edge, &owner); f != edge.Next {
		t.Errorf("the next cluster is compared with %s", f.Address)
	}
	owner.After = time.Unix(1, 0)
	owner.Edges = []question.ClusterEdge{{Edge: edge.Next.Edge, Epoch: edge.Next.Epoch.Add(1)}}
	edge.Next.Epoch = edge.Next.Epoch.Add(1)
	if f := sameCluster(&edge, &owner); f != edge.Next {
		t.Errorf("a cluster that knows the edge is compared with %s", f.Address)
	}
}

func TestClusterWrong(t *testing.T) {
	f := startFake(t)
	edge := startAnswering(t, answerOf{nil, reporttest.Live(), reporttest.Edge()})
	for line, want := range map[string]string{
		"cluster web1 " + f.at():                        "cluster: edge daemons can be arguments only with --ledger; give the address of the daemon to ask with --at",
		"cluster --ledger web1:x " + f.at():             `edge daemon web1:x: port "x": must be a number from 1 to 65535`,
		"cluster --ledger 127.0.0.1:1 " + edge:          "is not an owner: to compare an owner with edge daemons, give the address of the owner with --at",
		"cluster --ledger " + f.at()[5:] + " " + f.at(): "is not an edge",
	} {
		if _, stderr := invoke(t, exitUsage, strings.Fields(line)...); !strings.Contains(stderr, want) {
			t.Errorf("%s: %s, want %s", line, stderr, want)
		}
	}
}
