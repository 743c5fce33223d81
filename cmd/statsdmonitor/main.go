// Statsdmonitor queries a running statsd: whether it is healthy, whether a metric arrived, how much was lost, and how
// much CPU and memory it uses.
//
//	statsdmonitor                                 # status of localhost:8135
//	statsdmonitor explain 'checkout.pay:81.5|ms'
//	statsdmonitor --at web1 top --by sender
//
// The commands are listed in command.go, and their flags in flag.go. The parser of the command line, the help and the
// shell completion use these two tables. Package ask sends the queries, and package report formats the answers.
//
// An older form of the command line prints all metrics about the daemon, with a line "name: value" for each metric:
//
//	statsdmonitor localhost 8135 [--values | --discards | --ledger | --alerts] [--json]
//
// The format of this output never changes, because scripts parse it.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/buildinfo"
	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/internal/completion"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes of all commands except check. The command check has the exit codes of Nagios plugins.
const (
	exitOK         = 0
	exitFailed     = 1 // the daemon cannot be reached or refuses the request, or the answer is not from a statsd
	exitUsage      = 2
	exitUnbalanced = 3
	exitNotThere   = 4
)

// exit is an error with an exit code. If it has no cause, the output already contains the reason.
type exit struct {
	code  int
	cause error
}

func (e *exit) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.cause.Error()
}

func (e *exit) Unwrap() error { return e.cause }

// run runs statsdmonitor, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if shell := completion.Shell(args); shell != "" {
		return code(writeCompletion(stdout, shell), stderr)
	}
	l, err := parse(args)
	if err == nil && (l.on("help") || l.on("version")) {
		return code(l.shown(stdout), stderr)
	}
	var s *session
	if err == nil {
		s, err = newSession(l, stdout, stderr)
	}
	if err != nil {
		return misused(args, err, stdout, stderr)
	}
	err = s.run(ctx)
	if _, is := errors.AsType[*exit](err); err != nil && !is && s.isCheck() {
		return failedCheck(err, stdout)
	}
	return code(err, stderr)
}

// run runs the command on the command line.
func (s *session) run(ctx context.Context) error {
	switch {
	case s.command == nil:
		err := s.mistyped(runOld(ctx, s))
		if _, is := errors.AsType[*exit](err); err == nil || is {
			err = cmp.Or(s.out.Flush(), err)
		}
		return err
	case s.command.run != nil:
		return s.command.run(ctx, s)
	case s.on("watch"):
		return s.watch(ctx)
	}
	return s.once(ctx)
}

// mistyped adds a hint to an error if the only word on the command line was used as a host but
// looks like a command.
func (s *session) mistyped(err error) error {
	if _, is := errors.AsType[*exit](err); err == nil || is || len(s.words) != 1 {
		return err
	}
	if near := cli.Nearest(s.words[0], commandNames()); near != "" {
		return fmt.Errorf("%w (did you mean the command %s?)", err, near)
	}
	return err
}

func (s *session) isCheck() bool { return s.command != nil && s.command.name == "check" }

// code prints an error, and returns the exit code.
func code(err error, stderr io.Writer) int {
	e, has := errors.AsType[*exit](err)
	if err != nil && (!has || e.cause != nil) {
		fmt.Fprintf(stderr, "statsdmonitor: %s\n", err)
	}
	switch {
	case err == nil:
		return exitOK
	case has:
		return e.code
	}
	return exitFailed
}

// misused prints an error in the command line.
func misused(args []string, err error, stdout, stderr io.Writer) int {
	first := slices.IndexFunc(args, func(arg string) bool { return find(arg) != nil })
	if first >= 0 && args[first] == "check" {
		return failedCheck(err, stdout)
	}
	fmt.Fprintf(stderr, "statsdmonitor: %s, try --help\n", ascii.Safe(err.Error()))
	return exitUsage
}

// shown prints the version or the help.
func (l *line) shown(w io.Writer) error {
	if l.on("version") {
		_, err := fmt.Fprintln(w, "statsdmonitor "+buildinfo.Version())
		return err
	}
	_, err := io.WriteString(w, l.help())
	return err
}
