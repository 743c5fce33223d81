// Statsd receives counters, gauges, timers and sets over UDP and TCP, aggregates them, and publishes the results
// to Graphite and other sinks. See statsd --help and the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"

	"github.com/statsd-ops/statsd/internal/buildinfo"
	"github.com/statsd-ops/statsd/internal/detach"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal, the default action for signals is restored. A second signal then kills the process
	// immediately.
	context.AfterFunc(ctx, stop)
	// Without this call, SIGPIPE would kill the daemon when the reader of its log closes the pipe.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// By default, kingpin reads arguments from a file if an argument is @FILE.
	kingpin.EnableFileExpansion = false
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr))
}

// run runs the command until ctx ends, and returns its exit status. args[0] is the name of the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	program, line := args[0], arguments{args: args[1:]}
	command, help, err := "statsd", printHelp, error(nil)
	if isGstatsd(program, line.args) {
		command, help = "statsd --dialect=gstatsd", printGstatsdHelp
		line, err = fromGstatsd(line.args)
	}
	all := newSettings(flags)
	if err == nil {
		err = all.run(ctx, line, stdout, stderr)
	}
	switch {
	case errors.Is(err, errHelp):
		err = help(stdout)
	case errors.Is(err, errFullHelp):
		err = printFullHelp(stdout)
	}
	if shell, ok := errors.AsType[completionError](err); ok {
		err = printCompletion(stdout, string(shell), nameOf(program))
	}
	if err == nil {
		return exitOK
	}
	if started, ok := errors.AsType[*detach.Error](err); ok && started.Code > 0 {
		return started.Code // the daemon has already printed the reason
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "statsd: %v; %s --help lists the flags\n", err, command)
		return exitUsage
	}
	found, ok := errors.AsType[problems](err)
	if !ok {
		found = problems{all.locate(err)}
	}
	for _, err := range found {
		fmt.Fprintln(stderr, "statsd:", err)
	}
	if all.on("check-config") {
		fmt.Fprintln(stdout, notValid(len(found)))
	}
	return exitFailed
}

func (all settings) run(ctx context.Context, line arguments, stdout, stderr io.Writer) error {
	err := all.resolve(line, os.Getenv)
	if all.on("version") {
		_, err := fmt.Fprintln(stdout, "statsd", buildinfo.Version())
		return err
	}
	if all.on("print-config") {
		return printExample(stdout)
	}
	if err != nil {
		return err
	}
	if path := all.text("check-mapping"); path != "" {
		return all.checkMapping(ctx, path, stdout, stderr)
	}
	if path := all.text("check-rules"); path != "" {
		return all.checkRules(ctx, path, stdout, stderr)
	}
	if all.on("check-config") {
		return all.checkConfig(stdout, stderr)
	}
	d := &daemon{started: all, current: all, line: line}
	if all.on("daemonize") {
		if d.background, err = detach.Daemon(); err != nil {
			return err
		}
		if d.background == nil {
			return detach.Run(ctx)
		}
	}
	if d.log, err = newLogger(all, stderr); err != nil {
		return err
	}
	defer d.log.queue.close()
	err = d.run(ctx)
	if err != nil && d.log.file != nil {
		d.log.Error().Err(all.locate(err)).Msg("ended")
	}
	return err
}
