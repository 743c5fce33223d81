// Package authheader reads a file with HTTP headers. The headers are in a separate file because
// they contain secrets.
package authheader

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header is an HTTP header that is sent to one host or to all hosts.
type Header struct {
	Host        string // a host, or host:port; "" for all hosts
	Name, Value string
}

// List contains the headers of a file.
type List []Header

// Parse parses a file with one header on each line:
//
//	Authorization: Bearer 1234
//	hooks.example.com X-Token: 5678
//
// The second header is only for one host, or for one HOST:PORT. Empty lines and lines that begin with # are ignored.
// Error texts never contain the value of a header.
func Parse(text []byte) (all List, err error) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		h, err := parseHeader(string(line))
		if err == nil && slices.ContainsFunc(all, func(o Header) bool { return o.Host == h.Host && o.Name == h.Name }) {
			err = fmt.Errorf("%s is given twice", h.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, h)
	}
	if all == nil {
		return nil, errors.New("has no header; a line is NAME: VALUE, such as Authorization: Bearer TOKEN")
	}
	return all, nil
}

func parseHeader(line string) (h Header, err error) {
	first, rest, more := strings.Cut(line, " ")
	if more && !strings.HasSuffix(first, ":") && !isPair(first) {
		h.Host, line = strings.ToLower(first), strings.TrimSpace(rest)
	}
	name, value, found := strings.Cut(line, ":")
	h.Name, h.Value = http.CanonicalHeaderKey(name), strings.TrimSpace(value)
	switch {
	case !found || name == "" || strings.ContainsFunc(name, notInName):
		return h, errors.New("must be NAME: VALUE or HOST NAME: VALUE")
	case h.Value == "":
		return h, fmt.Errorf("the header %s has no value", h.Name)
	case strings.ContainsFunc(h.Value, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }):
		return h, fmt.Errorf("the value of the header %s is not plain ASCII", h.Name)
	case slices.Contains(reserved, h.Name):
		return h, fmt.Errorf("the header %s cannot be set in this file", h.Name)
	}
	return h, nil
}

// isPair reports whether a word has the form NAME:VALUE without a space, and is not HOST:PORT.
func isPair(word string) bool {
	_, value, found := strings.Cut(word, ":")
	return found && strings.Trim(value, "0123456789") != "" && !strings.HasPrefix(word, "[")
}

// reserved lists the headers that the HTTP request sets itself.
var reserved = []string{"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Trailer", "Transfer-Encoding", "Upgrade"}

func notInName(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// Of returns the headers for a request to u.
func (all List) Of(u *url.URL) http.Header {
	header := http.Header{}
	for _, h := range all {
		if h.Host == "" || h.isFor(u) {
			header.Add(h.Name, h.Value)
		}
	}
	return header
}

func (h Header) isFor(u *url.URL) bool {
	host := strings.ToLower(u.Host)
	return h.Host == host || h.Host == strings.ToLower(u.Hostname()) || h.Host == "["+strings.ToLower(u.Hostname())+"]"
}

// Check returns an error if a header names a host that is not among the addresses. It also returns
// an error if a header names no host and the addresses have several hosts: the secret would be sent
// to all of them.
func (all List) Check(addresses []*url.URL) error {
	var hosts []string
	for _, u := range addresses {
		if host := strings.ToLower(u.Host); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	for _, h := range all {
		switch {
		case h.Host == "" && len(hosts) > 1:
			return fmt.Errorf("the header %s has no host, and there are notifiers at %s: write HOST %s: VALUE", h.Name, strings.Join(hosts, " and "), h.Name)
		case h.Host != "" && !slices.ContainsFunc(addresses, h.isFor):
			return fmt.Errorf("no notifier has the host %q in its URL", h.Host)
		}
	}
	return nil
}

// RetryAfter parses the value of a Retry-After header, which is a number of seconds or a date. It
// returns 0 for any other text.
func RetryAfter(text string) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
