package meta

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestAlike(t *testing.T) {
	var b BadLines
	at := time.Unix(1_700_000_000, 0)
	sender := func(host byte, port uint16) Sender {
		return SenderAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), port))
	}
	add := func(s Sender, reason, line string) {
		b.Add(BadLine{Time: at, Sender: s, Reason: reason, Line: []byte(line), At: 2})
	}
	add(sender(1, 1), "bad_value", "a:x|c")
	add(sender(1, 2), "bad_value", "a:y|c")
	add(sender(1, 2), "bad_type", "a:1|y")
	add(Sender{}, "bad_value", "b:x|c")
	show := func() string {
		text := ""
		for _, a := range b.Alike(at) {
			text += fmt.Sprintf("%d %s %s %s; ", a.Count, a.Sender, a.Reason, a.Last)
		}
		return text
	}
	if got, want := show(), "2 10.0.0.1 bad_value a:y|c; 1  bad_value b:x|c; 1 10.0.0.1 bad_type a:1|y; "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	at = at.Add(14 * time.Minute)
	add(sender(1, 2), "bad_type", "a:1|z")
	if got, want := show(), "2 10.0.0.1 bad_type a:1|z; 2 10.0.0.1 bad_value a:y|c; 1  bad_value b:x|c; "; got != want {
		t.Errorf("14 minutes later: got %s\nwant %s", got, want)
	}
	at = at.Add(time.Minute)
	if got, want := show(), "1 10.0.0.1 bad_type a:1|z; "; got != want {
		t.Errorf("15 minutes later: got %s\nwant %s", got, want)
	}
	at = at.Add(time.Hour)
	if got := show(); got != "" {
		t.Errorf("an hour later: %s", got)
	}
}

// A sender with many bad lines is not forgotten, although many other senders send one bad line
// each.
func TestAlikeManySenders(t *testing.T) {
	var b BadLines
	at := time.Unix(1_700_000_000, 0)
	busy := SenderAt(netip.MustParseAddrPort("10.9.9.9:1"))
	for i := range 10_000 {
		b.Add(BadLine{Time: at, Sender: busy, Reason: "bad_value", Line: []byte("x")})
		b.Add(BadLine{Time: at, Sender: SenderAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)), Reason: "bad_value", Line: []byte("x")})
	}
	if all := b.Alike(at); len(all) != maxAlike || all[0].Sender != "10.9.9.9" || all[0].Count != 10_000 {
		t.Errorf("%d, the first is %+v", len(all), all[0])
	}
}
