//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// daemon is a running peer, that is, one of the compared programs. It has a CPU core for itself if the machine has
// two cores.
type daemon struct {
	setup
	target
	cmd     *exec.Cmd
	partner *exec.Cmd // the second daemon of a cluster; nil if there is none
	pid     int       // process id of the measured daemon
	log     string
	watch   watch
}

// The daemon runs on daemonCore. The sender and carbon run on the other core.
const (
	ownCore    = 0
	daemonCore = 1
	allCores   = -1
)

func startDaemon(p peer, w workload, s setup, pin bool) (d *daemon, err error) {
	command, err := p.command(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	core, other := daemonCore, ownCore
	if p.variant.measured {
		core, other = other, core
	}
	if !pin || p.variant.loose {
		core, other = allCores, allCores
	}
	d = &daemon{setup: s, target: p.target(w, s), log: filepath.Join(s.dir, "log"), watch: p.variant.watch}
	defer func() {
		if err != nil {
			d.stop()
			d, err = nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}()
	if p.variant.partner != nil {
		if d.partner, err = d.start(p.variant.partner(s), other); err != nil {
			return d, err
		}
	}
	if d.cmd, err = d.start(command, core); err != nil {
		return d, err
	}
	if d.pid = d.cmd.Process.Pid; p.variant.measured {
		d.pid = d.partner.Process.Pid
	}
	return d, d.awaitReady()
}

// start starts a program on a CPU core.
func (d *daemon) start(command []string, core int) (*exec.Cmd, error) {
	if core != allCores {
		command = append([]string{"taskset", "-c", strconv.Itoa(core)}, command...)
	} else if _, err := exec.LookPath("taskset"); err == nil {
		// Let the daemon use all cores, because this program is pinned to one core, and the daemon would
		// otherwise inherit the pinning.
		command = append([]string{"taskset", "-c", fmt.Sprintf("0-%d", runtime.NumCPU()-1)}, command...)
	}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return cmd, nil
}

// giveUp is the time after which a wait for a daemon fails. Even on a busy machine, a daemon that
// works needs much less time.
const giveUp = 3 * time.Minute

// awaitReady waits until the daemon has bound its sockets, and is idle after its start. If the machine is so busy that
// the daemon does not become idle, awaitReady returns after a while without an error.
func (d *daemon) awaitReady() error {
	last, looks := time.Duration(-1), 0
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if memory(d.pid, "VmRSS") == 0 {
			break // the daemon has exited
		}
		if !d.bound() {
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
	return fmt.Errorf("the daemon has exited, or has not begun to receive on %s %s within %v; its output: %s", d.network, d.address, giveUp, bytes.TrimSpace(log))
}

// bound reports whether the daemon has bound its sockets. In a workload without traffic, it checks
// for a UDP socket.
func (d *daemon) bound() bool {
	switch d.network {
	case "unixgram":
		_, err := os.Stat(d.address)
		return err == nil
	case "none":
		return socketsOn("udp", d.port).Bound
	}
	return socketsOn(d.network, d.port).Bound
}

// stop stops the daemon, and then its partner. If they do not exit within half a minute, it kills
// them. stop may be called several times.
func (d *daemon) stop() {
	for _, cmd := range []*exec.Cmd{d.cmd, d.partner} {
		if cmd == nil || cmd.ProcessState != nil {
			continue
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		force := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		force.Stop()
	}
}

// awaitEmpty waits until the daemon has read all data in its sockets.
func (d *daemon) awaitEmpty() error {
	if d.network == "unixgram" {
		return nil // a send to a unix socket blocks while the socket is full, so little data is left to read
	}
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); {
		if socketsOn(d.network, d.port).Queued == 0 {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("the daemon did not read everything from its socket within %v", giveUp)
}

// spent returns the CPU time that the daemon uses while the function do runs.
func (d *daemon) spent(do func() error) (time.Duration, error) {
	before, err := cpuTime(d.pid)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := cpuTime(d.pid)
	return after - before, err
}
