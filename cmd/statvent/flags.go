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
	"github.com/statsd-ops/statsd/internal/completion"
	"github.com/statsd-ops/statsd/statvent"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// maxTimeout is the maximum value of --timeout. It leaves enough time to send the response: see answerTimeout.
const maxTimeout = 10 * time.Second

// options contains the values of the flags.
type options struct {
	ip      string
	port    string
	path    string
	pipeDir string
	timeout time.Duration
	merge   []pipes.NameRule
}

// errShown is returned after --help or --version has printed its text.
var errShown = errors.New("shown")

func parse(args []string, stdout io.Writer) (options, error) {
	var opts options
	var merge []string
	shown := false

	app := kingpin.New("statvent", "Serves the stat pipes of this host, merged, as JSON over HTTP.")
	var usage bytes.Buffer
	app.UsageWriter(&usage).ErrorWriter(&usage).Terminate(func(int) { shown = true })
	app.HelpFlag.Short('h').Help("Print this help, and exit.")
	app.Version("statvent " + buildinfo.Version())
	app.VersionFlag.Help("Print the version, and exit.")
	app.Flag("port", "TCP port to listen on; port 0 picks a free port.").
		Short('p').Default("7828").StringVar(&opts.port)
	app.Flag("ip", "Address to listen on; 0.0.0.0 means all IPv4 addresses, and shows the stats of all users to everybody who can connect.").
		Short('i').Default("127.0.0.1").StringVar(&opts.ip)
	app.Flag("path", "HTTP path of the stats.").
		Short('l').Default("/stats").StringVar(&opts.path)
	app.Flag("pipe-dir", "Directory that contains the stat pipes.").
		Short('d').Default(statvent.DefaultDir).StringVar(&opts.pipeDir)
	app.Flag("timeout", "Time limit for reading the stat pipe of one process, at most 10s. Reading the pipes of all processes takes at most twice as long.").
		Default(pipes.DefaultTimeout.String()).DurationVar(&opts.timeout)
	app.Flag("merge", "Merge the values of names that match GLOB by the rule RULE: sum, max, mean or last. The first pattern that matches a name is used. May be repeated.").
		PlaceHolder("GLOB=RULE").StringsVar(&merge)

	if shell := completion.Shell(args); shell != "" {
		return options{}, showCompletion(stdout, shell, app)
	}
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

// showCompletion prints the completion script for the flags.
func showCompletion(w io.Writer, shell string, app *kingpin.Application) error {
	var all []completion.Flag
	for _, f := range app.Model().Flags {
		if f.Hidden {
			continue
		}
		c := completion.Flag{Name: f.Name, Short: f.Short, Help: f.Help, Path: f.Name == "pipe-dir"}
		if !f.IsBoolFlag() {
			c.Value = f.FormatPlaceHolder()
		}
		all = append(all, c)
	}
	script, err := completion.Script(shell, completion.Program{Name: "statvent", Flags: all})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, script)
	return cmp.Or(err, errShown)
}

// negatable matches kingpin's form of a switch in the help, --[no-]NAME. The form --no-NAME is not
// useful for the flags of statvent.
var negatable = regexp.MustCompile(`--\[no-\](\S+)`)

// show prints kingpin's output for --help or --version. It replaces --[no-]NAME by --NAME and spaces, so that the
// columns stay aligned.
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
		return errors.New("--ip is empty: give an address, or 0.0.0.0 for all")
	case !strings.HasPrefix(o.path, "/"):
		return fmt.Errorf("--path %q does not begin with a slash", o.path)
	case o.pipeDir == "":
		return errors.New("--pipe-dir is empty")
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %v is not positive", o.timeout)
	case o.timeout > maxTimeout:
		return fmt.Errorf("--timeout %v is more than %v", o.timeout, maxTimeout)
	}
	return nil
}
