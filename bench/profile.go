//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// profileTime is how long the daemon is profiled in each workload. It is longer than the flush
// interval of W4.
const profileTime = 12 * time.Second

// runProfile makes the profile with which the compiler optimises the daemon (see go.dev/doc/pgo).
// The profile shows where the daemon spends CPU time while it receives the workloads W1 to W5 as
// fast as it can.
func runProfile(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench profile", flag.ExitOnError)
	statsd := flags.String("statsd", "bin/statsd", "path of this project's daemon, which make build creates")
	output := flags.String("o", "cmd/statsd/default.pgo", "where to write the profile")
	_ = flags.Parse(args) // ignore the error, because Parse exits on errors
	b, err := newBench(newReport(nil))
	if err != nil {
		return err
	}
	defer b.restore()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	merge := []string{"tool", "pprof", "-proto", "-output", *output}
	for _, w := range basicWorkloads() {
		if w.network == "none" {
			continue
		}
		fmt.Fprintf(stderr, "bench: profiling %s\n", w.name)
		path := filepath.Join(dir, w.name)
		if err := b.profile(self(*statsd), w, path); err != nil {
			return err
		}
		merge = append(merge, path)
	}
	out, err := exec.Command("go", merge...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("merge the profiles: %w: %s", err, out)
	}
	return nil
}

// profile runs one workload, and writes a CPU profile of the daemon to a file.
func (b *bench) profile(p peer, w workload, path string) error {
	command, address := p.command, ""
	p.command = func(s setup) ([]string, error) {
		address = "127.0.0.1:" + strconv.Itoa(s.port+1)
		line, err := command(s)
		return append(line, "--pprof", address), err
	}
	packets := b.traffic(w)
	_, err := b.with(p, w, pacedBuffer, func(d *daemon, _ *carbon) (m measured, err error) {
		ended := make(chan error, 1)
		go func() { ended <- fetchProfile(address, path) }()
		for {
			select {
			case err := <-ended:
				return m, err
			default:
			}
			if _, err := d.send(packets, 200_000, 0); err != nil {
				return m, errors.Join(err, <-ended)
			}
		}
	})
	return err
}

// fetchProfile requests a profile from a daemon, and writes it to a file.
func fetchProfile(address, path string) error {
	answer, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", address, profileTime.Seconds()))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	profile, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon gives no profile: %s: %s", answer.Status, firstLine(profile))
	}
	return os.WriteFile(path, profile, 0o644)
}
