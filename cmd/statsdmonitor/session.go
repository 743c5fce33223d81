package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/internal/plainjson"
)

// session is one run of a command.
type session struct {
	*line
	client *ask.Client
	out    *bufio.Writer
	errs   io.Writer
	screen screen
}

// newSession prepares the connection to the monitor whose address the command line gives.
func newSession(l *line, stdout, stderr io.Writer) (*session, error) {
	s := &session{line: l, out: bufio.NewWriter(stdout), errs: stderr, screen: newScreen(stdout)}
	s.client = &ask.Client{Timeout: l.duration("timeout")}
	if l.command == nil {
		a, err := address(l.word(0), l.word(1))
		s.client.Address = a
		s.client.Timeout = cmp.Or(s.client.Timeout, oldTimeout)
		return s, err
	}
	t, err := at(cmp.Or(l.text("at"), os.Getenv("STATSDMONITOR_AT")))
	if err != nil {
		return nil, fmt.Errorf("--at: %w", err)
	}
	s.client.Address = t.address
	if path := l.text("token-file"); path != "" {
		if s.client.Token, err = readToken(path); err != nil {
			return nil, err
		}
	}
	if path := l.text("ca"); t.tls || path != "" {
		if !t.tls {
			return nil, errors.New("--ca is for https: write --at https://HOST:PORT")
		}
		if s.client.TLS, err = trust(path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Maximum sizes of files, in bytes. Debian's file of all public authorities has 220 kB.
const (
	maxToken = 4096
	maxCA    = 16 << 20
)

// readFile returns the content of a file. If the file has more bytes than limit, the content has limit+1 bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// readToken returns the token on the first line of a file.
func readToken(path string) (string, error) {
	b, err := readFile(path, maxToken)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	first, _, _ := bytes.Cut(b, []byte("\n"))
	token := bytes.TrimSpace(first)
	notInToken := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(b) > maxToken || len(token) == 0 || bytes.ContainsFunc(token, notInToken) {
		return "", fmt.Errorf("--token-file %s: must have the token on the first line, without spaces", path)
	}
	return string(token), nil
}

// trust returns a TLS configuration that trusts the certificates in a file. If path is empty, it trusts the
// certificates of the operating system.
func trust(path string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if path == "" {
		return cfg, nil
	}
	pem, err := readFile(path, maxCA)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	if len(pem) > maxCA {
		return nil, fmt.Errorf("--ca %s: must have at most %d bytes", path, maxCA)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca %s: must have certificates in PEM form", path)
	}
	return cfg, nil
}

// page returns the page that reports are formatted for. The parameter now is the daemon's time.
func (s *session) page(now time.Time) report.Page {
	p := report.Page{Width: s.screen.width(), Colour: s.screen.colour, Now: now, Zone: time.Local, Ask: "statsdmonitor"}
	if s.text("at") != "" {
		p.Ask += " --at " + s.text("at")
	}
	return p
}

// reading is a function that sends a query and returns its result.
type reading func(context.Context, *session) (result, error)

// result is the answer to a query, as text and as JSON.
type result struct {
	now  time.Time // daemon's time
	text func(report.Page) string
	json any
	// verdict is the error that is returned after the result is printed.
	verdict error
}

func (s *session) print(r result) error {
	if s.on("json") {
		return s.printJSON(r.json)
	}
	_, err := s.out.WriteString(r.text(s.page(cmp.Or(r.now, time.Now()))))
	return cmp.Or(err, s.out.Flush())
}

// printJSON prints data on one line, in the format of the JSON API.
func (s *session) printJSON(data any) error {
	_, err := s.out.Write(append(plainjson.Encode(data), '\n'))
	return cmp.Or(err, s.out.Flush())
}

// once sends a query, and prints its result.
func (s *session) once(ctx context.Context) error {
	r, err := s.command.read(ctx, s)
	if err != nil {
		return err
	}
	return cmp.Or(s.print(r), r.verdict)
}
