package hostile

import (
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// The limit on open files is low, and clients use all connections that they can. The daemon still
// has enough descriptors for publishing, the spool, the state file and the monitor.
func TestFewOpenFiles(t *testing.T) {
	t.Run("one daemon", func(t *testing.T) { fewOpenFiles(t, nil) })
	t.Run("central daemon", func(t *testing.T) {
		edges := counterpart.FreeAddress(t).String()
		fewOpenFiles(t, []string{edges}, "--collect=statsd://"+edges, "--pipe-dir="+t.TempDir())
	})
}

// fewOpenFiles opens many connections to each TCP port of a daemon that may open only 64 files. doors are the addresses
// of the ports that the additional flags open.
func fewOpenFiles(t *testing.T, doors []string, flags ...string) {
	sideBySide(t)
	c := newCarbon(t)
	_, port, _ := net.SplitHostPort(c.listener.Addr().String())
	d := &statsd{t: t, interval: time.Second, log: &log{}, carbon: c}
	d.cmd = exec.Command("/bin/sh", "-c", `ulimit -n 64 && exec "$0" "$@"`, program,
		"--name=127.0.0.1", "--port=0", "--log-format=json", "--flush-interval=1s", "--receivers=2",
		"--sink=graphite://127.0.0.1:"+port, "--spool-dir="+t.TempDir(), "--state-file="+t.TempDir()+"/state")
	d.cmd.Args = append(d.cmd.Args, flags...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	eventually(t, "statsd is not ready", func() bool { return d.log.find(`"monitor":"([^"]*)"`) != "" })
	d.address, d.monitor = d.log.find(`"address":"([^"]*)","flush`), d.log.find(`"monitor":"([^"]*)"`)

	var conns []net.Conn
	for _, address := range append(doors, d.address, d.monitor) {
		for range 100 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	eventually(t, "connections are not cut", func() bool { return d.figures()["tcp.cut.full"] > 0 })
	before := d.figures()["sink.graphite.points.delivered"]
	eventually(t, "publishing has stopped", func() bool {
		f := d.figures()
		return f["sink.graphite.points.delivered"] > before+100 && f["sink.graphite.points.queued"] == 0
	})
	if f := d.figures(); f["flush_errors"] != 0 || f["state.errors"] != 0 || f["tcp.accept_errors"] != 0 {
		t.Errorf("%v flushes, %v saves and %v connections failed", f["flush_errors"], f["state.errors"], f["tcp.accept_errors"])
	}
	if strings.Contains(d.log.String(), "too many open files") {
		t.Errorf("the daemon has no free file:\n%s", d.log)
	}
	if !strings.Contains(d.log.String(), "too few open files are allowed") {
		t.Errorf("the log does not say that files are few:\n%s", d.log)
	}
}
