package nsca

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// daemon is a real nsca that runs until the test ends.
type daemon struct {
	address  string
	commands string // the file it writes in place of Nagios's command pipe
}

// startDaemon starts the installed nsca in the given mode, --single or
// --daemon, on a free port of the loopback.
func startDaemon(t *testing.T, mode string, method Method, password string) daemon {
	t.Helper()
	program := counterpart.Find(t, "nsca")
	dir := t.TempDir()
	d := daemon{address: freeAddress(t), commands: filepath.Join(dir, "commands")}
	writeFile(t, d.commands, "")

	host, port, _ := net.SplitHostPort(d.address)
	config := fmt.Sprintf(`server_address=%s
server_port=%s
pid_file=%[3]s/pid
command_file=%[3]s/commands
alternate_dump_file=%[3]s/dump
append_to_file=1
debug=0
aggregate_writes=0
max_packet_age=30
password=%s
decryption_method=%d
`, host, port, dir, password, int(method))
	if os.Geteuid() == 0 {
		config += "nsca_user=root\nnsca_group=root\n"
	}
	writeFile(t, filepath.Join(dir, "nsca.cfg"), config)

	cmd := exec.Command(program, "-f", "-c", filepath.Join(dir, "nsca.cfg"), mode)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("nsca: %v", err)
		}
	})
	eventually(t, "nsca does not listen", func() bool {
		conn, err := net.Dial("tcp", d.address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return d
}

// written returns the daemon's commands without their times, when there are
// n of them.
func (d daemon) written(t *testing.T, n int) []string {
	t.Helper()
	var lines []string
	eventually(t, fmt.Sprintf("nsca has not written %d commands", n), func() bool {
		content, err := os.ReadFile(d.commands)
		if err != nil {
			t.Fatal(err)
		}
		lines = strings.SplitAfter(string(content), "\n")
		lines = lines[:len(lines)-1] // what stands behind the last newline is incomplete
		return len(lines) >= n
	})
	for i, line := range lines {
		_, command, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "] ")
		lines[i] = command
	}
	return lines
}

// eventually waits until ok, for at most ten seconds.
func eventually(t *testing.T, complaint string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
