// Statsd takes counters, gauges, timers and sets over UDP and TCP, adds them
// up, and publishes them to Graphite. See statsd --help, and the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/server"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	// An argument that begins with @ is one, and names no file of arguments.
	kingpin.EnableFileExpansion = false
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command. It serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	all := newSettings(flags)
	err := all.run(ctx, args, stdout, stderr)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "statsd:", all.locate(err))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func (all settings) run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	err := all.resolve(args, os.Getenv)
	if errors.Is(err, errHelp) {
		return printHelp(stdout)
	}
	if err != nil {
		return err
	}
	if all.on("version") {
		_, err := fmt.Fprintln(stdout, "statsd", version())
		return err
	}
	log := all.logger(stderr)
	cfg, err := all.config(log)
	if err != nil {
		return err
	}
	if all.on("check-config") {
		return all.print(stdout)
	}
	if address := all.text("pprof"); address != "" {
		profiles, err := serveProfiles(address, log)
		if err != nil {
			return err
		}
		defer profiles.Close()
	}
	go tuneGC(ctx)
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// logger makes the log, which goes to stderr.
func (all settings) logger(stderr io.Writer) zerolog.Logger {
	level := zerolog.InfoLevel
	switch {
	case all.on("debug"):
		level = zerolog.DebugLevel
	case all.on("quiet"):
		level = zerolog.WarnLevel
	}
	format, terminal := all.text("log-format"), isTerminal(stderr)
	if format == "console" || format == "auto" && terminal {
		color := terminal && os.Getenv("NO_COLOR") == ""
		stderr = zerolog.ConsoleWriter{Out: stderr, NoColor: !color, TimeFormat: time.DateTime}
	}
	return zerolog.New(zerolog.SyncWriter(stderr)).Level(level).With().Timestamp().Logger()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// version is what the build knows: the module's version, or the revision.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
