package sockets

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is the id and the name of a process that has a socket open.
type Process struct {
	PID  int
	Name string // name as shown by ps, at most 15 bytes
}

// HolderOf returns a process that receives data on a local port, on any address. It returns false
// if /proc does not show the process. This happens on systems other than Linux, and for processes
// of other users.
func HolderOf(network string, port int) (Process, bool) {
	links := map[string]bool{}
	for _, name := range []string{network, network + "6"} {
		table, _ := os.ReadFile("/proc/net/" + name) // a table is missing if the system has no such sockets
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

// holds reports whether a process in /proc has one of the given sockets open.
func holds(process string, links map[string]bool) bool {
	descriptors, _ := os.ReadDir(process + "/fd") // the list is empty if this process has no permission to read it
	for _, d := range descriptors {
		if to, err := os.Readlink(filepath.Join(process, "fd", d.Name())); err == nil && links[to] {
			return true
		}
	}
	return false
}
