package sockets

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is a running process.
type Process struct {
	PID  int
	Name string // as ps shows it: at most 15 bytes
}

// HolderOf returns a process that receives on a local port, on any address. It returns false if
// /proc does not tell: on another system, or for another user's process.
func HolderOf(network string, port int) (Process, bool) {
	links := map[string]bool{}
	for _, name := range []string{network, network + "6"} {
		table, _ := os.ReadFile("/proc/net/" + name) // a missing table has no sockets
		for f := range rows(string(table), port) {
			if network == "udp" || f[3] == listening {
				links["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(links) == 0 {
		return Process{}, false
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if !holds(process, links) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(process))
		name, nameErr := os.ReadFile(process + "/comm")
		if err == nil && nameErr == nil {
			return Process{pid, strings.TrimSpace(string(name))}, true
		}
	}
	return Process{}, false
}

// holds reports whether a process in /proc has one of the links among its descriptors.
func holds(process string, links map[string]bool) bool {
	descriptors, _ := os.ReadDir(process + "/fd") // empty if it may not be read
	for _, d := range descriptors {
		if to, err := os.Readlink(filepath.Join(process, "fd", d.Name())); err == nil && links[to] {
			return true
		}
	}
	return false
}
