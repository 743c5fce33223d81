package allow

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestHas(t *testing.T) {
	for _, tt := range []struct{ list, has, hasNot string }{
		{"10.0.0.0/8", "10.0.0.0 10.255.255.255 ::ffff:10.1.2.3", "9.255.255.255 11.0.0.0 :: ::1 ::a00:1"},
		{"10.0.0.0/8,10.1.0.0/16,10.1.2.3", "10.2.0.1 10.1.2.3 10.1.9.9", "11.0.0.1"},
		{"192.168.1.7", "192.168.1.7", "192.168.1.6 192.168.1.8"},
		{"0.0.0.0/0", "0.0.0.0 255.255.255.255 ::ffff:1.2.3.4", "::1 2001:db8::1"},
		{"::/0", "::1 2001:db8::1 fe80::1%eth0", "1.2.3.4"},
		{"::ffff:10.0.0.0/104", "10.1.1.1 ::ffff:10.1.1.1", "11.1.1.1"},
		{"::ffff:10.0.0.7", "10.0.0.7", "10.0.0.8"},
		{"fe80::/10, 127.0.0.0/8", "fe80::1%eth0 127.0.0.1", "fec0::1 128.0.0.1"},
		{"2001:db8::/32,2001:db9::/33", "2001:db8:ffff:: 2001:db9:7fff::1", "2001:db7:: 2001:db9:8000:: 2001:dba::"},
		{"::/0,0.0.0.0/0", "1.1.1.1 ::1", ""},
	} {
		s, err := Parse(tt.list)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != tt.list {
			t.Errorf("%s is written as %s", tt.list, s)
		}
		for word := range strings.FieldsSeq(tt.has) {
			if !s.Has(netip.MustParseAddr(word)) {
				t.Errorf("%s has not %s", tt.list, word)
			}
		}
		for word := range strings.FieldsSeq(tt.hasNot) {
			if s.Has(netip.MustParseAddr(word)) {
				t.Errorf("%s has %s", tt.list, word)
			}
		}
		if s.Has(netip.Addr{}) {
			t.Errorf("%s has the unknown address", tt.list)
		}
	}
	var all *Set
	if !all.Has(netip.Addr{}) || !all.Has(netip.IPv6Loopback()) || all.String() != "" {
		t.Error("no set refuses an address")
	}
}

func TestParse(t *testing.T) {
	for list, want := range map[string]string{
		"": "has an empty entry", "10.0.0.0/8,": "has an empty entry", ",::1": "has an empty entry",
		"10.0.0.1/8": "write 10.0.0.0/8, or the address 10.0.0.1 alone", "2001:db8::1/32": "write 2001:db8::/32",
		"10.0.0.0/33": "is not a prefix", "10.0.0/8": "is not a prefix", "10/8": "is not a prefix", "a/8": "is not a prefix",
		"localhost": "is not an address", "10.0.0.1:8125": "is not an address", "fe80::1%eth0": "is not an address", "*": "is not an address",
		"fe80::%eth0/10":            "is not a prefix",
		strings.Repeat("::1,", 2e3): "may have at most 1024",
	} {
		if _, err := Parse(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", list, err, want)
		}
	}
}

// TestAgainstEach looks up addresses in random sets. It compares each result with a simple search through all prefixes
// of the set.
func TestAgainstEach(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	addr := func(bits int) netip.Addr { // from a small range, so that prefixes overlap
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], r.Uint64N(16)<<60|r.Uint64N(4))
		if bits == 32 {
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		return netip.AddrFrom16(b)
	}
	for range 2000 {
		var words []string
		var each []netip.Prefix
		for range 1 + r.IntN(8) {
			a := addr(32 << (2 * r.IntN(2)))
			p := netip.PrefixFrom(a, r.IntN(a.BitLen()+1)).Masked()
			each, words = append(each, p), append(words, p.String())
		}
		s, err := Parse(strings.Join(words, ","))
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			a, want := addr(32<<(2*r.IntN(2))), false
			for _, p := range each {
				want = want || p.Contains(a)
			}
			if s.Has(a) != want {
				t.Fatalf("%v has %v: %v", words, a, !want)
			}
		}
	}
}

func TestHasAllocatesNothing(t *testing.T) {
	s, _ := Parse("10.0.0.0/8,fe80::/10")
	a := netip.MustParseAddr("fe80::1%eth0")
	if n := testing.AllocsPerRun(100, func() { s.Has(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHas(b *testing.B) {
	for _, n := range []int{1, 16, maxPrefixes} {
		words := make([]string, n)
		for i := range words {
			words[i] = fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
		}
		s, err := Parse(strings.Join(words, ","))
		if err != nil {
			b.Fatal(err)
		}
		a := netip.MustParseAddr("10.1.2.3")
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				s.Has(a)
			}
		})
	}
}
