package pidfile

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// stranger returns the process that has locked a file, if this process is not the daemon whose id is in the file, and
// belongs to a user other than root and the user of this process. Any user who can read a pidfile can lock it, because
// flock(2) needs no right to write. stranger returns 0 if there is no such process, or if it is unknown: only Linux
// lists locks.
func stranger(file fs.FileInfo, daemon int) int {
	locks, err := os.ReadFile("/proc/locks") // see proc_locks(5)
	if err != nil {
		return 0
	}
	suffix := fmt.Sprintf(":%d", file.Sys().(*syscall.Stat_t).Ino)
	for line := range strings.Lines(string(locks)) {
		words := strings.Fields(line)
		if len(words) < 6 || words[1] != "FLOCK" || !strings.HasSuffix(words[5], suffix) {
			continue
		}
		pid, err := strconv.Atoi(words[4])
		if err != nil || pid <= 0 || pid == daemon {
			return 0
		}
		process, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		if err != nil {
			return 0
		}
		if uid := process.Sys().(*syscall.Stat_t).Uid; uid == 0 || int64(uid) == int64(os.Geteuid()) {
			return 0
		}
		return pid
	}
	return 0
}
