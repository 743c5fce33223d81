package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/statsd-ops/statsd/internal/buildinfo"
	"github.com/statsd-ops/statsd/statvent"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// options are what the flags say.
type options struct {
	ip      string
	port    string
	path    string
	pipeDir string
	timeout time.Duration
	merge   []pipes.NameRule
}

// errShown says that --help or --version was asked for, and answered.
var errShown = errors.New("shown")

func parse(args []string, stdout io.Writer) (options, error) {
	var opts options
	var merge []string
	shown := false

	app := kingpin.New("statvent", "Serves the stat pipes of this host, merged, as JSON over HTTP.")
	var usage bytes.Buffer
	app.UsageWriter(&usage).ErrorWriter(&usage).Terminate(func(int) { shown = true })
	app.HelpFlag.Short('h').Help("Print this, and exit.")
	app.Version("statvent " + buildinfo.Version())
	app.VersionFlag.Help("Print the version, and exit.")
	app.Flag("port", "TCP port to listen on; 0 takes any that is free.").
		Short('p').Default("7828").StringVar(&opts.port)
	app.Flag("ip", "Address to listen on; 0.0.0.0 is all of this host's, and shows them the figures of all its users.").
		Short('i').Default("127.0.0.1").StringVar(&opts.ip)
	app.Flag("path", "HTTP path to answer.").
		Short('l').Default("/stats").StringVar(&opts.path)
	app.Flag("pipe-dir", "Directory of the pipes.").
		Short('d').Default(statvent.DefaultDir).StringVar(&opts.pipeDir)
	app.Flag("timeout", "How long each process has for its answer.").
		Default(pipes.DefaultTimeout.String()).DurationVar(&opts.timeout)
	app.Flag("merge", "Merge names that match a pattern by sum, max, mean or last instead; the first that matches counts. Repeatable.").
		PlaceHolder("GLOB=RULE").StringsVar(&merge)

	_, err := app.Parse(args)
	if shown {
		return options{}, show(stdout, usage.Bytes())
	}
	if err != nil {
		return options{}, fmt.Errorf("%w, try --help", err)
	}
	for _, m := range merge {
		rule, err := pipes.ParseNameRule(m)
		if err != nil {
			return options{}, fmt.Errorf("--merge: %w", err)
		}
		opts.merge = append(opts.merge, rule)
	}
	return opts, opts.validate()
}

// negatable is how kingpin shows a switch, whose --no- form is of no use here.
var negatable = regexp.MustCompile(`--\[no-\](\S+)`)

// show prints what kingpin says of --help or --version, in the columns that it has.
func show(w io.Writer, usage []byte) error {
	_, err := w.Write(negatable.ReplaceAll(usage, []byte("--$1     ")))
	return cmp.Or(err, errShown)
}

func (o options) validate() error {
	_, err := strconv.ParseUint(o.port, 10, 16)
	switch {
	case err != nil:
		return fmt.Errorf("--port %q is not a number from 0 to 65535", o.port)
	case o.ip == "":
		return errors.New("--ip is empty: name an address, or 0.0.0.0 for all")
	case !strings.HasPrefix(o.path, "/"):
		return fmt.Errorf("--path %q does not begin with a slash", o.path)
	case o.pipeDir == "":
		return errors.New("--pipe-dir is empty")
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %v is not positive", o.timeout)
	}
	return nil
}
