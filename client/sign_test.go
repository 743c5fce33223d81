package client

import (
	"testing"
	"time"
)

// TestSign compares signatures to the signed datagrams of another client library. These datagrams
// are from the README of github.com/keithduncan/statsd-client. They are signed with the key
// mysecret.
func TestSign(t *testing.T) {
	s := newSigner([]byte("mysecret"))
	for _, tt := range []struct {
		lines, want string
		at          int64
		nonce       uint32
	}{
		{"prefix.requests:1|c", "\xD7\x8D?a9\xCB\xD5H\xFB\xA2?\xFE\x18\xFF9P\xB3\x9EY\x1b\xD9H\x86H\xEC\x84(N7B\xF7\x85\x04\\mV\x00\x00\x00\x00\x17\xFEq\x90prefix.requests:1|c",
			1450007556, 0x9071fe17},
		{"prefix.numOfFilesCreated:5|h", "A\x94\x07\xBD\x8C9\x00\tU\xD0\x87\x8F\x9A\xCD\xC5\xA2l\xCA&\xA7T7\xEFT8\x9F\\b\xF7\xEB\x10\xD2\x06\\mV\x00\x00\x00\x00j\x86\xCD\xCBprefix.numOfFilesCreated:5|h",
			1450007558, 0xcbcd866a},
	} {
		s.nonce = tt.nonce - 1
		if got := string(s.sign([]byte(tt.lines), time.Unix(tt.at, 0))); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
	lines, now := []byte("a:1|c"), time.Now()
	if n := testing.AllocsPerRun(100, func() { s.sign(lines, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
