package ask

import (
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// TestUnreached checks the hints for the errors of a connection.
func TestUnreached(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for hint, err := range map[string]error{
		"commands that statsdmonitor --help lists": dial(&net.DNSError{Err: "no such host", Name: "stats", IsNotFound: true}),
		"is statsd running there":                  dial(syscall.ECONNREFUSED),
		"too many connections":                     io.EOF,
	} {
		if got := new(Client).unreached(&url.Error{Op: "Get", URL: "http://stats/", Err: err}); !strings.Contains(got.Error(), hint) || !errors.Is(got, err) {
			t.Errorf("%v: got %v, want %q in it", err, got, hint)
		}
	}
}
