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
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// options is what the command line asks for.
type options struct {
	addr    string // host:port of the monitor
	timeout time.Duration
	json    bool
	report  func(context.Context, *options, io.Writer) error
}

// errShown says that --help or --version was asked for, and shown.
var errShown = errors.New("help was shown")

// parse reads the command line. Help and version go to stdout.
func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{report: figures}
	shown := false
	app := kingpin.New("statsdmonitor", "Asks a running statsd for its own figures.")
	app.HelpFlag.Short('h').Help("Print this, and exit.")
	app.Version("statsdmonitor " + version())
	app.VersionFlag.Help("Print the version, and exit.")
	var usage bytes.Buffer
	app.UsageWriter(&usage).ErrorWriter(&usage).Terminate(func(int) { shown = true })
	host := app.Arg("host", "Host of the daemon, by name or address.").Required().String()
	port := app.Arg("port", "Port of its monitor: the daemon's port plus 10.").Required().String()
	values := app.Flag("values", "Print what was published of late: path, value and Unix time.").Bool()
	discards := app.Flag("discards", "Print how many samples were discarded for which reason, and the last bad lines.").Bool()
	balance := app.Flag("ledger", "Print what became of all samples and points; exit 3 if some are not accounted for.").Bool()
	app.Flag("json", "Print JSON.").BoolVar(&o.json)
	app.Flag("timeout", "How long to wait for the answer.").Default("5s").DurationVar(&o.timeout)

	_, err := app.Parse(args)
	switch {
	case shown:
		return nil, show(stdout, usage.Bytes())
	case err != nil:
		return nil, err
	case !isPort(*port):
		return nil, fmt.Errorf("port %s: want a number from 1 to 65535", strconv.QuoteToASCII(*port))
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
	name := strings.TrimSuffix(strings.TrimPrefix(*host, "["), "]")
	o.addr = net.JoinHostPort(name, *port)
	return o, nil
}

// negatable is how kingpin shows a switch, whose --no- form is of no use here.
var negatable = regexp.MustCompile(`--\[no-\](\S+)`)

// show prints what kingpin says of --help or --version, in the columns that it has.
func show(w io.Writer, usage []byte) error {
	_, err := w.Write(negatable.ReplaceAll(usage, []byte("--$1     ")))
	return cmp.Or(err, errShown)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// version returns what the Go toolchain knows of this build.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
