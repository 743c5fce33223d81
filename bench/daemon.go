//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// daemon is a running peer, on its own core if there are two.
type daemon struct {
	setup
	network string
	cmd     *exec.Cmd
	pid     int
	log     string
}

// Daemons run on daemonCore; the sender and carbon run on the other core.
const (
	ownCore    = 0
	daemonCore = 1
)

func startDaemon(p peer, network string, s setup, pin bool) (*daemon, error) {
	command, err := p.command(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if pin {
		command = append([]string{"taskset", "-c", fmt.Sprint(daemonCore)}, command...)
	}
	d := &daemon{setup: s, network: network, log: filepath.Join(s.dir, p.name+".log")}
	log, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd = exec.Command(command[0], command[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	d.pid = d.cmd.Process.Pid
	if err := d.awaitReady(); err != nil {
		d.stop()
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return d, nil
}

// giveUp ends a wait for a stuck daemon. It is far longer than a busy machine needs.
const giveUp = 3 * time.Minute

// awaitReady waits until the daemon receives and is idle after its start. If the machine is too
// busy for that, the daemon is measured anyway.
func (d *daemon) awaitReady() error {
	network := d.network
	if network == "none" {
		network = "udp"
	}
	last, looks := time.Duration(-1), 0
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if !socketsOn(network, d.port).Bound {
			continue
		}
		used, err := cpuTime(d.pid)
		if err != nil {
			return err
		}
		if looks++; last >= 0 && used-last < time.Millisecond || looks > 100 {
			return nil
		}
		last = used
	}
	log, _ := os.ReadFile(d.log)
	return fmt.Errorf("it does not receive on %s port %d within %v; it says: %s", network, d.port, giveUp, bytes.TrimSpace(log))
}

// stop ends the daemon, by force if that takes more than half a minute. It may be called
// again.
func (d *daemon) stop() {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	force := time.AfterFunc(30*time.Second, func() { _ = d.cmd.Process.Kill() })
	_ = d.cmd.Wait()
	force.Stop()
}

// awaitEmpty waits until the daemon has read everything from its sockets.
func (d *daemon) awaitEmpty() error {
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); {
		if socketsOn(d.network, d.port).Queued == 0 {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("it did not read everything from its socket within %v", giveUp)
}
