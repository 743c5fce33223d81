package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/internal/detach"
	"github.com/statsd-ops/statsd/internal/pidfile"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/internal/state"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/prometheus"
)

// daemon is a server with the settings that it uses.
type daemon struct {
	*server.Server
	started    settings // settings at the start
	current    settings // settings after the last reload
	waiting    []string // changed flags that need a restart to take effect
	sinks      []*endpoint
	line       arguments
	log        *logger
	manager    *manager
	background *detach.Process // nil if the daemon runs in the foreground
	shown      atomic.Pointer[[]console.Setting]
	pages      map[string]*prometheus.Sink // running prometheus sinks, by name
	rereading  sync.Mutex                  // locked during a reload
	compared   compared                    // the last comparison of the configuration file with the running settings
}

// run runs the daemon until ctx ends.
func (d *daemon) run(ctx context.Context) (err error) {
	// before this call, a SIGHUP would kill the process
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	if d.sinks, err = d.started.endpoints(nil); err != nil {
		return err
	}
	cfg, err := d.started.config(d.log.Logger, d.sinks)
	if err != nil {
		return err
	}
	for _, warning := range d.started.environmentWarnings(os.Environ()) {
		d.log.Warn().Msg(warning)
	}
	if path := d.started.text("pidfile"); path != "" {
		file, err := pidfile.Create(path)
		if err != nil {
			return fmt.Errorf("--pidfile %w", err)
		}
		defer func() {
			if err := file.Remove(); err != nil {
				d.log.Warn().Err(err).Msg("removing the pidfile failed")
			}
		}()
	}
	if path := d.started.text("spool-dir"); path != "" {
		if err := safefile.Directory(path); errors.Is(err, safefile.ErrUnsafe) { // other faults may be temporary, and are reported later
			return fmt.Errorf("--spool-dir: %w", err)
		}
	}
	if path := d.started.text("state-file"); path != "" {
		held, err := state.Hold(path)
		if err != nil {
			return fmt.Errorf("--state-file: %w", err)
		}
		defer held.Close()
		if err := alert.CheckHistory(path); err != nil {
			return fmt.Errorf("--state-file: %w", err)
		}
	}
	if address := d.started.console("pprof"); address != "" {
		profiles, err := serveProfiles(address, d.log.Logger)
		if err != nil {
			return err
		}
		defer profiles.stop()
	}
	go tuneGC(ctx)
	return d.serve(ctx, cfg, signals)
}

// serve runs the server until ctx ends.
func (d *daemon) serve(ctx context.Context, cfg server.Config, signals chan os.Signal) (err error) {
	cfg.Sockets = activation.Files(true)
	d.show(d.started, nil)
	cfg.Settings = func() []console.Setting { return *d.shown.Load() }
	cfg.Reread, cfg.Described = d.reread, d.described
	if d.started.text("config") != "" {
		cfg.Differs = d.differs
	}
	if d.manager, err = newManager(d.log.Logger); err != nil {
		return err
	}
	defer d.manager.close()
	cfg.Beat, cfg.BeatEvery = d.manager.beat, d.manager.every
	d.notePages(&cfg)
	if d.Server, err = server.New(cfg); err != nil {
		return err
	}
	defer d.follow(signals)()
	if err := d.ready(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { d.manager.tell(stopping) })()
	return d.Run(ctx)
}

// notePages stores the prometheus sinks of a configuration. If a sink with the same name is already
// running, notePages keeps the running sink.
func (d *daemon) notePages(cfg *server.Config) {
	before := d.pages
	d.pages = map[string]*prometheus.Sink{}
	for _, destination := range cfg.Sinks {
		if page, ok := destination.Recorder.(*prometheus.Sink); ok {
			d.pages[destination.Name] = page
			if running := before[destination.Name]; running != nil {
				d.pages[destination.Name] = running
			}
		}
	}
}

// show sets the settings that the console prints.
func (d *daemon) show(current settings, restart []string) {
	shown := current.shown(d.started, restart)
	d.shown.Store(&shown)
}

// ready tells the service manager that the daemon is ready. With --daemonize, it also tells this to the command that
// started the daemon.
func (d *daemon) ready() error {
	if d.background == nil {
		d.manager.tell(ready)
		if d.log.terminal != nil && len(d.sinks) == 0 && !d.started.given("forward") && !d.started.on("quiet") {
			d.log.queue.settle()
			d.welcome(d.log.terminal)
		}
		return nil
	}
	if d.log.file == nil {
		d.log.Warn().Msg("the daemon runs in the background without --log-file: it logs nothing from now on")
	}
	d.log.queue.settle()
	// tell systemd the new process id before the starting process exits
	d.manager.tell(fmt.Sprintf("%s\nMAINPID=%d", ready, os.Getpid()))
	if err := d.background.Ready(); err != nil {
		return fmt.Errorf("--daemonize: %w", err)
	}
	return nil
}

// follow reloads the settings after each signal, until stop is called.
func (d *daemon) follow(signals chan os.Signal) (stop func()) {
	var following sync.WaitGroup
	following.Go(func() {
		for range signals {
			d.manager.tell(reloading())
			d.manager.tell(ready + "\n" + "STATUS=" + d.reload())
		}
	})
	return func() {
		signal.Stop(signals)
		close(signals)
		following.Wait()
	}
}

// reload reads the settings again, and applies all changes that need no restart. It returns a status for systemd.
func (d *daemon) reload() string {
	if d.log.file != nil {
		if err := d.log.file.reopen(); err != nil {
			d.log.Error().Err(err).Msg("reopening the log file failed: logging continues in the old file")
		}
	}
	done, err := d.reread(false)
	switch {
	case err != nil:
		return "reload failed: " + err.Error()
	case len(done.Restart) > 0:
		return "needs a restart: " + strings.Join(done.Restart, ", ")
	}
	return ""
}

// reread reads the settings again. Unless the parameter dry is true, it applies all changes that
// need no restart. The command line and the environment still have priority over the configuration
// file.
func (d *daemon) reread(dry bool) (done question.Reloaded, err error) {
	d.rereading.Lock()
	defer d.rereading.Unlock()
	if !dry {
		d.compared = compared{} // compare the file again, even if it has not changed
	}
	next := newSettings(flags)
	sinks, restart, err := d.apply(next, dry)
	if err != nil {
		err = next.locate(err)
		if !dry {
			for _, page := range d.pages {
				page.ReloadFailed()
			}
			d.log.Error().Err(err).Msg("reload failed: all settings are unchanged")
		}
		return done, err
	}
	changed := slices.DeleteFunc(next.differing(d.current, flags), func(name string) bool { return slices.Contains(restart, name) })
	done = question.Reloaded{DryRun: dry, Changed: changed, Restart: restart}
	if dry {
		return done, nil
	}
	d.show(next, restart)
	d.current, d.waiting, d.sinks = next, restart, sinks
	d.log.follow(next)
	if len(restart) > 0 {
		d.log.Warn().Strs("settings", restart).Msg("these settings have changed, but need a restart")
	}
	d.log.Info().Strs("changed", changed).Msg("settings reloaded; they apply from the next flush")
	return done, nil
}

// apply derives and checks the settings. Unless the parameter dry is true, it applies all changes
// that need no restart. It returns the sinks, and the flags that need a restart.
func (d *daemon) apply(next settings, dry bool) (sinks []*endpoint, restart []string, err error) {
	if err := next.resolve(d.line, os.Getenv); err != nil {
		return nil, nil, err
	}
	if sinks, err = next.endpoints(d.sinks); err != nil {
		return nil, nil, err
	}
	cfg, err := next.config(d.log.Logger, sinks)
	if err != nil {
		return nil, nil, err
	}
	try := d.Reload
	if dry {
		try = d.TryReload
	}
	if restart, err = try(cfg); err != nil {
		return nil, nil, err
	}
	if !dry {
		d.notePages(&cfg)
	}
	return sinks, append(restart, next.differing(d.started, restartFlags)...), nil
}

// restartFlags are flags that only this package uses, and only at the start.
var restartFlags = []flag{{name: "daemonize"}, {name: "pidfile"}, {name: "log-file"}, {name: "log-format"}, {name: "pprof"}}

// differing returns the flags whose values differ from the values in the parameter before.
func (all settings) differing(before settings, flags []flag) (names []string) {
	texts := func(of settings, name string) (texts []string) {
		for _, v := range of.get(name).values {
			texts = append(texts, v.text)
		}
		return texts
	}
	for _, f := range flags {
		if !slices.Equal(texts(all, f.name), texts(before, f.name)) {
			names = append(names, "--"+f.name)
		}
	}
	return names
}
