package counterpart

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/statsd-ops/statsd/internal/wait"
)

// NSCA runs Debian's nsca daemon for one test. The daemon writes to a regular file, not to Nagios's
// command pipe.
type NSCA struct {
	// Addr is the "host:port" that nsca listens on.
	Addr string

	t        testing.TB
	commands string
}

// StartNSCA starts nsca, and stops it at the end of the test. mode is --single or --daemon. method
// is the number for nsca's setting decryption_method.
func StartNSCA(t testing.TB, mode string, method int, password string) *NSCA {
	t.Helper()
	program := Find(t, "nsca")
	addr := FreeAddress(t)
	dir := t.TempDir()
	n := &NSCA{Addr: addr.String(), t: t, commands: filepath.Join(dir, "commands")}
	config := fmt.Sprintf(nscaConf, addr.Addr(), addr.Port(), dir, password, method)
	if os.Geteuid() == 0 {
		config += "nsca_user=root\nnsca_group=root\n"
	}
	for file, text := range map[string]string{n.commands: "", filepath.Join(dir, "nsca.cfg"): config} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	process := start(t, "nsca", dir, exec.Command(program, "-f", "-c", filepath.Join(dir, "nsca.cfg"), mode))
	t.Cleanup(func() {
		if err := process.end(syscall.SIGTERM); err != nil {
			t.Errorf("nsca: %v", err)
		}
	})
	process.await(func() bool { return listens(t, n.Addr) })
	return n
}

// Commands waits until nsca has written at least the given number of commands. It returns the
// commands without their timestamps.
func (n *NSCA) Commands(least int) []string {
	n.t.Helper()
	var lines []string
	wait.Until(n.t, fmt.Sprintf("nsca has not written %d commands", least), func() bool {
		content, err := os.ReadFile(n.commands)
		if err != nil {
			n.t.Fatal(err)
		}
		lines = strings.SplitAfter(string(content), "\n")
		lines = lines[:len(lines)-1] // the text after the last newline is incomplete
		return len(lines) >= least
	})
	for i, line := range lines {
		_, command, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "] ")
		lines[i] = command
	}
	return lines
}

const nscaConf = `server_address=%s
server_port=%d
pid_file=%[3]s/pid
command_file=%[3]s/commands
alternate_dump_file=%[3]s/dump
append_to_file=1
debug=0
aggregate_writes=0
max_packet_age=900
password=%s
decryption_method=%d
`
