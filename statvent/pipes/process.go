package pipes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/statsd-ops/statsd/statvent"
)

// Process is one that has a pipe, and what it said there.
type Process struct {
	PID int
	// Start is when it started, in clock ticks since the host's: with the PID it
	// names a process for good, as pids are used again.
	Start uint64
	// Stats are its figures; nil if Err is not.
	Stats map[string]statvent.Value
	// Err says why there is no whole answer, as of a process that is stopped.
	Err error
}

// id is what tells a process from all others since the host started.
type id struct {
	pid   int
	start uint64
}

// owner is what the kernel says about a process.
type owner struct {
	start uint64
	uid   uint32 // with which it makes files
}

var errGone = errors.New("the process is gone")

// Started is when the process pid started, in the unit of Process.Start.
func Started(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, procError(pid, err)
	}
	// "PID (COMMAND) STATE ..." of proc_pid_stat(5): the command may hold
	// anything, and the start is the 20th field after it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the command, not 20", pid, len(fields))
	}
	if state := fields[0][0]; state == 'Z' || state == 'X' {
		return 0, errGone // it ended, and nobody has asked how
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}

// lookUp asks who the process pid is; errGone if there is none.
func lookUp(pid int) (owner, error) {
	start, err := Started(pid)
	if err != nil {
		return owner{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return owner{}, procError(pid, err)
	}
	// "Uid: REAL EFFECTIVE SAVED FILESYSTEM" of proc_pid_status(5). The owner of
	// /proc/PID would not do: it is root's for a process that changed users.
	_, rest, _ := bytes.Cut(status, []byte("\nUid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	uids := bytes.Fields(line)
	if len(uids) != 4 {
		return owner{}, fmt.Errorf("/proc/%d/status has no line of four uids", pid)
	}
	uid, err := strconv.ParseUint(string(uids[3]), 10, 32)
	return owner{start: start, uid: uint32(uid)}, err
}

func gone(pid int) bool {
	_, err := Started(pid)
	return errors.Is(err, errGone)
}

// procError says what a file of /proc/PID that cannot be read means. One that is
// not there may be hidden, if /proc is mounted with hidepid: the process is
// gone only if no signal would reach it.
func procError(pid int, err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	if errors.Is(syscall.Kill(pid, 0), syscall.EPERM) {
		return fmt.Errorf("process %d is hidden from this one (hidepid, ProtectProc)", pid)
	}
	return errGone
}
