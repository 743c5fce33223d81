// Package allow implements allow lists of sender addresses.
//
//	set, err := allow.Parse("10.0.0.0/8,2001:db8::/32")
//	if set.Has(addr) {
package allow

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// maxPrefixes is the maximum number of prefixes in a list.
const maxPrefixes = 1024

// Set is a set of addresses. It is immutable. A nil Set contains all addresses.
type Set struct {
	prefixes []netip.Prefix // sorted; no prefix contains another prefix of the set
	text     string
}

// Parse reads a list of prefixes such as 10.0.0.0/8 and single addresses. Commas separate them.
func Parse(list string) (*Set, error) {
	words := strings.Split(list, ",")
	if len(words) > maxPrefixes {
		return nil, fmt.Errorf("the list has %d entries, and may have at most %d", len(words), maxPrefixes)
	}
	prefixes := make([]netip.Prefix, len(words))
	for i, word := range words {
		var err error
		if prefixes[i], err = parse(strings.TrimSpace(word)); err != nil {
			return nil, err
		}
	}
	return &Set{apart(prefixes), list}, nil
}

func parse(word string) (netip.Prefix, error) {
	if word == "" {
		return netip.Prefix{}, errors.New("the list has an empty entry: write for example 10.0.0.0/8,::1")
	}
	if !strings.Contains(word, "/") {
		addr, err := netip.ParseAddr(word)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is not an address: give for example 10.1.2.3, 10.0.0.0/8 or 2001:db8::/32", word)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(word)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a prefix: give for example 10.0.0.0/8 or 2001:db8::/32", word)
	}
	// If a bit after the prefix is 1, the operator has probably made a typing error: the prefix would
	// admit more or fewer addresses than intended.
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has non-zero bits after its prefix: write %v, or the address %v alone", word, p.Masked(), p.Addr())
	}
	const mapped = 96 // the number of leading bits that all IPv4 addresses in IPv6 form share (::ffff:0:0/96)
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped), nil
	}
	return p, nil
}

// apart sorts the prefixes, and removes each prefix that is contained in another prefix.
func apart(all []netip.Prefix) []netip.Prefix {
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	kept := all[:0]
	for _, p := range all {
		if len(kept) == 0 || !kept[len(kept)-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Has reports whether the set contains the address. The zero Addr stands for an unknown sender. Only a nil Set contains
// it.
func (s *Set) Has(addr netip.Addr) bool {
	if s == nil {
		return true
	}
	addr = addr.Unmap().WithZone("")
	after := sort.Search(len(s.prefixes), func(i int) bool { return addr.Less(s.prefixes[i].Addr()) })
	return after > 0 && s.prefixes[after-1].Contains(addr)
}

// String returns the list that was passed to Parse.
func (s *Set) String() string {
	if s == nil {
		return ""
	}
	return s.text
}
