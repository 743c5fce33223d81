package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/statsd-ops/statsd/server"
)

// daemon is a server and what it was started with, to read it again.
type daemon struct {
	*server.Server
	started settings // as of the start
	current settings // as of the last reload
	args    []string
	log     *logger
	manager *manager
}

// serve runs the server until ctx ends.
func (all settings) serve(ctx context.Context, args []string, log *logger, cfg server.Config) error {
	// Before anything that takes time: a SIGHUP that nobody asked for ends the process.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	cfg.Sockets = activation.Files(true)
	m, err := newManager(log.Logger)
	if err != nil {
		return err
	}
	defer m.close()
	cfg.Beat, cfg.BeatEvery = m.beat, m.every
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	d := &daemon{s, all, all, args, log, m}
	defer d.follow(signals)()
	m.tell(ready)
	defer context.AfterFunc(ctx, func() { m.tell(stopping) })()
	return s.Run(ctx)
}

// follow reloads at each signal until the function is called that it returns.
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

// reload reads the settings again, applies what can be, and says what came of it. The
// command line and the environment are those of the start, and win over the file as
// ever.
func (d *daemon) reload() string {
	next := newSettings(flags)
	restart, err := d.apply(next)
	if err != nil {
		err = next.locate(err)
		d.log.Error().Err(err).Msg("reading the settings again failed: all stay as they were")
		return "reload failed: " + err.Error()
	}
	changed := next.differing(d.current, flags)
	changed = slices.DeleteFunc(changed, func(name string) bool { return slices.Contains(restart, name) })
	d.current = next
	d.log.follow(next)
	if len(restart) > 0 {
		d.log.Warn().Strs("settings", restart).Msg("changed, but need a restart")
	}
	d.log.Info().Strs("changed", changed).Msg("the settings were read again, and apply from the next flush on")
	if len(restart) > 0 {
		return "needs a restart: " + strings.Join(restart, ", ")
	}
	return ""
}

// apply resolves the settings, and returns the flags of those that need a restart.
func (d *daemon) apply(next settings) (restart []string, err error) {
	if err := next.resolve(d.args, os.Getenv); err != nil {
		return nil, err
	}
	cfg, err := next.config(d.log.Logger)
	if err != nil {
		return nil, err
	}
	if restart, err = d.Reload(cfg); err != nil {
		return nil, err
	}
	// What the server does not know of.
	return append(restart, next.differing(d.started, []flag{{name: "log-format"}, {name: "pprof"}})...), nil
}

// differing returns those flags that are set to something else in before.
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
