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
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command. It serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := runDaemon(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "statsd:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "statsd:", err)
	return exitFailed
}

func runDaemon(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	all := newSettings(flags)
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
	log, err := all.logger(stderr)
	if err != nil {
		return err
	}
	cfg, err := all.config(log)
	if err != nil {
		return err
	}
	if all.on("check-config") {
		return all.print(stdout)
	}
	if address := all.text("pprof"); address != "" {
		profiles, err := serveProfiles(address)
		if err != nil {
			return err
		}
		defer profiles.Close()
	}
	tuneGC()
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// logger makes the log, which goes to stderr.
func (all settings) logger(stderr io.Writer) (zerolog.Logger, error) {
	console := false
	switch format := all.text("log-format"); format {
	case "console":
		console = true
	case "json":
	case "auto":
		f, ok := stderr.(*os.File)
		console = ok && isatty.IsTerminal(f.Fd())
	default:
		return zerolog.Logger{}, fmt.Errorf("--log-format: want auto, console or json, not %q", format)
	}
	level := zerolog.InfoLevel
	if all.on("quiet") {
		level = zerolog.WarnLevel
	}
	if all.on("debug") {
		level = zerolog.DebugLevel
	}
	if console {
		f, ok := stderr.(*os.File)
		color := ok && isatty.IsTerminal(f.Fd()) && os.Getenv("NO_COLOR") == ""
		stderr = zerolog.ConsoleWriter{Out: stderr, NoColor: !color, TimeFormat: time.DateTime}
	}
	return zerolog.New(zerolog.SyncWriter(stderr)).Level(level).With().Timestamp().Logger(), nil
}

// version is what the build knows: the module's version, or the revision.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
