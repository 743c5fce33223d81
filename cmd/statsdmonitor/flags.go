package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/statsd-ops/statsd/internal/buildinfo"
	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/internal/completion"
)

// options are the values of the command line.
type options struct {
	addr    string // host:port of the monitor
	timeout time.Duration
	json    bool
	report  func(context.Context, *options, io.Writer) error
}

// The monitor of a daemon with default flags on this host.
const (
	defaultHost = "localhost"
	defaultPort = "8135"
)

// errShown is returned after --help or --version was answered.
var errShown = errors.New("help was shown")

// parse reads the command line. Help and version go to stdout.
func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{report: figures}
	shown := false
	app := kingpin.New("statsdmonitor", "Asks a running statsd for its own figures.")
	app.HelpFlag.Short('h').Help("Print this help and exit.")
	app.Version("statsdmonitor " + buildinfo.Version())
	app.VersionFlag.Help("Print the version and exit.")
	var usage bytes.Buffer
	app.UsageWriter(&usage).ErrorWriter(&usage).Terminate(func(int) { shown = true })
	host := app.Arg("host", "Host of the daemon: a name or an address. Default localhost. HOST:PORT and a port alone work too.").String()
	port := app.Arg("port", "Port of its monitor: the port of the daemon plus 10. Default 8135.").String()
	values := app.Flag("values", "Print the values published last: path, value and Unix time.").Bool()
	discards := app.Flag("discards", "Print how many samples were discarded for each reason, and the last bad lines.").Bool()
	balance := app.Flag("ledger", "Print the account of all samples and points; exit 3 if some are missing from it.").Bool()
	app.Flag("json", "Print JSON.").BoolVar(&o.json)
	app.Flag("timeout", "Seconds to wait for the answer, or a duration such as 500ms.").Default("5s").SetValue((*duration)(&o.timeout))

	if shell := completion.Shell(args); shell != "" {
		return nil, showCompletion(stdout, shell, app)
	}
	_, err := app.Parse(args)
	switch {
	case shown:
		return nil, show(stdout, usage.Bytes())
	case err != nil:
		return nil, errors.New(cli.Suggest(err.Error(), flagNames(app)))
	case o.timeout <= 0:
		return nil, errors.New("--timeout must be more than 0")
	case *values && *discards, *values && *balance, *discards && *balance:
		return nil, errors.New("--values, --discards and --ledger exclude each other")
	case *values:
		o.report = publishedValues
	case *discards:
		o.report = discarded
	case *balance:
		o.report = ledger
	}
	o.addr, err = address(*host, *port)
	return o, err
}

// duration is a kingpin.Value.
type duration time.Duration

func (d *duration) Set(text string) error {
	v, err := cli.Duration(text)
	if err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	*d = duration(v)
	return nil
}

func (d *duration) String() string { return time.Duration(*d).String() }

// address returns the host:port of the monitor, given as HOST PORT, HOST, PORT or HOST:PORT.
func address(host, port string) (string, error) {
	if port == "" {
		host, port = split(host)
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.ContainsFunc(host, notInHost) {
		return "", fmt.Errorf("host %s: want a name or an address", strconv.QuoteToASCII(host))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %s: want a number from 1 to 65535", strconv.QuoteToASCII(port))
	}
	return net.JoinHostPort(cmp.Or(host, defaultHost), port), nil
}

func notInHost(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/[]@?#", r) }

// split splits an argument into host and port.
func split(text string) (host, port string) {
	if strings.Trim(text, "0123456789") == "" {
		return defaultHost, cmp.Or(text, defaultPort)
	}
	if host, port, err := net.SplitHostPort(text); err == nil {
		return host, port
	}
	return text, defaultPort // an IPv6 address without a port comes here too
}

// showCompletion prints the script that completes the flags in a shell.
func showCompletion(w io.Writer, shell string, app *kingpin.Application) error {
	var all []completion.Flag
	for _, f := range app.Model().Flags {
		if f.Hidden {
			continue
		}
		c := completion.Flag{Name: f.Name, Short: f.Short, Help: f.Help}
		if !f.IsBoolFlag() {
			c.Value = f.FormatPlaceHolder()
		}
		all = append(all, c)
	}
	script, err := completion.Script(shell, "statsdmonitor", all)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, script)
	return cmp.Or(err, errShown)
}

func flagNames(app *kingpin.Application) (names []string) {
	for _, f := range app.Model().Flags {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	return names
}

// negatable matches kingpin's form of a switch. Its --no- form has no use here.
var negatable = regexp.MustCompile(`--\[no-\](\S+)`)

// show prints kingpin's answer to --help or --version and keeps its columns.
func show(w io.Writer, usage []byte) error {
	_, err := w.Write(negatable.ReplaceAll(usage, []byte("--$1     ")))
	return cmp.Or(err, errShown)
}
