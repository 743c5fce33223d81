package pipes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/statsd-ops/statsd/statvent"
)

// Process is a process that has a pipe, with the answer that was read from the pipe.
type Process struct {
	PID int
	// Start is the start time of the process, in clock ticks since the start of the host. The pair of PID and Start
	// is unique. A PID alone can be reused.
	Start uint64
	// Stats contains the stats of the process. It is nil if Err is set.
	Stats map[string]statvent.Value
	// Err is the reason why there is no answer.
	Err error
}

// id identifies a process uniquely since the start of the host.
type id struct {
	pid   int
	start uint64
}

// owner is the kernel's information about the process or thread to which a pipe belongs.
type owner struct {
	start uint64
	uid   uint32 // owner of the files that the process creates
	group int    // process id of the process that a thread belongs to
}

var errGone = errors.New("the process has ended")

// Started returns the start time of a process, in the unit of Process.Start.
func Started(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, procError(pid, err)
	}
	// The format is "PID (COMMAND) STATE ..." (see proc_pid_stat(5)). The command may contain any byte. The start
	// time is the 20th field after the command.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the command, not 20", pid, len(fields))
	}
	if state := fields[0][0]; state == 'Z' || state == 'X' {
		return 0, errGone // the process is a zombie
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}

// lookUp returns information about a process or thread. It returns errGone if there is no process
// or thread with this id.
func lookUp(pid int) (owner, error) {
	start, err := Started(pid)
	if err != nil {
		return owner{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return owner{}, procError(pid, err)
	}
	// The lines are "Tgid: PID" and "Uid: REAL EFFECTIVE SAVED FILESYSTEM" (see proc_pid_status(5)). The owner of
	// the directory /proc/PID cannot be used: it can be root if the process has changed its user.
	groups, uids := field(status, "Tgid"), field(status, "Uid")
	if len(groups) != 1 || len(uids) != 4 {
		return owner{}, fmt.Errorf("/proc/%d/status has no line \"Tgid\", or no line \"Uid\" with four numbers", pid)
	}
	group, groupErr := strconv.Atoi(groups[0])
	uid, uidErr := strconv.ParseUint(uids[3], 10, 32)
	return owner{start: start, uid: uint32(uid), group: group}, errors.Join(groupErr, uidErr)
}

// field returns the values in a line "NAME: VALUE...". The line must not be the first line of
// status.
func field(status []byte, name string) []string {
	_, rest, _ := strings.Cut(string(status), "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Fields(line)
}

func gone(pid int) bool {
	_, err := Started(pid)
	return errors.Is(err, errGone)
}

// procError explains why a file in /proc/PID cannot be read. If the file does not exist, the mount option hidepid may
// hide the process. procError sends the process the signal 0 to find out: a hidden process exists, but does not permit
// the signal. In all other cases the process has ended.
func procError(pid int, err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	if errors.Is(syscall.Kill(pid, 0), syscall.EPERM) {
		return fmt.Errorf("process %d is hidden from this process (hidepid, ProtectProc)", pid)
	}
	return errGone
}
