// Package nagios_test checks the configuration for Nagios with the real Nagios, and runs the check
// command that the configuration defines.
package nagios_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// around contains the other objects that Nagios requires: a host, a contact, and time periods.
const around = `
define timeperiod {
    timeperiod_name always
    alias           always
    monday          00:00-24:00
}
define command {
    command_name    tell
    command_line    /bin/true
}
define contact {
    contact_name                    admin
    host_notifications_enabled      1
    service_notifications_enabled   1
    host_notification_period        always
    service_notification_period     always
    host_notification_options       d,u,r
    service_notification_options    w,u,c,r
    host_notification_commands      tell
    service_notification_commands   tell
}
define host {
    host_name           localhost
    address             127.0.0.1
    check_command       tell
    max_check_attempts  3
    check_period        always
    contacts            admin
}
define host {
    host_name           other
    address             192.0.2.1
    check_command       tell
    max_check_attempts  3
    check_period        always
    contacts            admin
}
define hostgroup {
    hostgroup_name  statsd-servers
    members         other
}
define service {
    name                generic-service
    check_period        always
    notification_period always
    contacts            admin
    register            0
}
`

// Nagios accepts the configuration file, including the service for other hosts.
func TestConfiguration(t *testing.T) {
	nagios := counterpart.Find(t, "nagios4")
	text := read(t, "statsd.cfg")
	for name, objects := range map[string]string{
		"as it is":         text,
		"with other hosts": regexp.MustCompile("(?m)^#(define|}|    )").ReplaceAllString(text, "$1"),
	} {
		out, err := verify(t, nagios, objects)
		if err != nil || !strings.Contains(out, "Total Warnings: 0\nTotal Errors:   0") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if out, err := verify(t, nagios, strings.ReplaceAll(text, "check_statsd!", "check_statsdd!")); err == nil {
		t.Errorf("a command that does not exist is not found:\n%s", out)
	}
}

// verify checks objects with Nagios, and returns its output.
func verify(t *testing.T, nagios, objects string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "around.cfg"), around)
	write(t, filepath.Join(dir, "statsd.cfg"), strings.ReplaceAll(objects, "\r", ""))
	write(t, filepath.Join(dir, "nagios.cfg"), fmt.Sprintf("cfg_file=%[1]s/around.cfg\ncfg_file=%[1]s/statsd.cfg\nlog_file=%[1]s/log\n"+
		"object_cache_file=%[1]s/cache\nstatus_file=%[1]s/status\ncheck_result_path=%[1]s\ntemp_path=%[1]s\ntemp_file=%[1]s/temp\ncommand_file=%[1]s/command\n"+
		"illegal_macro_output_chars=`~$&|'\"<>\nnagios_user=%[2]d\nnagios_group=%[3]d\n", dir, os.Getuid(), os.Getgid()))
	out, err := exec.Command(nagios, "-v", filepath.Join(dir, "nagios.cfg")).CombinedOutput()
	return string(out), err
}

// The output of the commands has the form that Nagios expects: one line with performance data, and
// an exit code.
func TestCommands(t *testing.T) {
	soak.Slow(t)
	dir := t.TempDir()
	monitor := filepath.Join(dir, "statsdmonitor")
	if err := counterpart.Build(dir, "statsdmonitor"); err != nil {
		t.Fatal(err)
	}
	daemon := counterpart.StartDaemon(t, "--flush-interval", "0.1", "--sink", "stdout://")
	host, port, err := net.SplitHostPort(daemon.Monitor)
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`command_line +/usr/bin/statsdmonitor (.*)`).FindStringSubmatch(read(t, "statsd.cfg"))[1]
	overNRPE := regexp.MustCompile(`=/usr/bin/statsdmonitor (.*)`).FindStringSubmatch(read(t, "nrpe.cfg"))[1]
	for _, args := range []string{
		strings.NewReplacer("$HOSTADDRESS$", host, "$ARG1$", port).Replace(command),
		strings.ReplaceAll(overNRPE, "127.0.0.1:8135", daemon.Monitor),
	} {
		// Until the first points are delivered, the state is UNKNOWN.
		var out []byte
		wait.Until(t, "the check is not OK", func() bool {
			out, err = exec.Command(monitor, strings.Fields(args)...).Output()
			return err == nil
		})
		if !regexp.MustCompile(`^STATSD OK - [^|\n]+ \| [^|\n]*names=\d+[^|\n]*\n$`).Match(out) {
			t.Errorf("statsdmonitor %s: %q", args, out)
		}
		closed := strings.ReplaceAll(args, daemon.Monitor, counterpart.FreeAddress(t).String())
		out, err = exec.Command(monitor, strings.Fields(closed)...).Output()
		if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 2 || !strings.HasPrefix(string(out), "STATSD CRITICAL - ") {
			t.Errorf("statsdmonitor %s: %v, %q", closed, err, out)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
