package signed

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	oldKey = "750c783e6ab0b503eaa86e310a5db738"
	newKey = "a second key, which is newer"
)

// sign returns a signed datagram with lines.
func sign(key, lines string, at uint64, nonce uint32) []byte {
	rest := binary.LittleEndian.AppendUint64(nil, at)
	rest = binary.LittleEndian.AppendUint32(rest, nonce)
	rest = append(rest, lines...)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(rest)
	return append(mac.Sum(nil), rest...)
}

func keys(t testing.TB, all ...string) *Keys {
	t.Helper()
	k, err := ParseKeys([]byte(strings.Join(all, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// foreign contains datagrams of another client library. They are from the README of
// github.com/keithduncan/statsd-client, which shows the datagrams for the key mysecret.
var foreign = []struct {
	datagram, lines string
	at              int64
}{
	{"\xD7\x8D?a9\xCB\xD5H\xFB\xA2?\xFE\x18\xFF9P\xB3\x9EY\x1b\xD9H\x86H\xEC\x84(N7B\xF7\x85\x04\\mV\x00\x00\x00\x00\x17\xFEq\x90prefix.requests:1|c",
		"prefix.requests:1|c", 1450007556},
	{"A\x94\x07\xBD\x8C9\x00\tU\xD0\x87\x8F\x9A\xCD\xC5\xA2l\xCA&\xA7T7\xEFT8\x9F\\b\xF7\xEB\x10\xD2\x06\\mV\x00\x00\x00\x00j\x86\xCD\xCBprefix.numOfFilesCreated:5|h",
		"prefix.numOfFilesCreated:5|h", 1450007558},
}

func TestForeign(t *testing.T) {
	c := NewWindow(3 * time.Second).Checker(&Keys{[][]byte{[]byte("mysecret")}})
	for _, f := range foreign {
		at := time.Unix(f.at, 0)
		if v := c.Check([]byte(f.datagram), at); v != Accepted {
			t.Errorf("%s: got %d, want accepted", f.lines, v)
		}
		if lines := f.datagram[Overhead:]; lines != f.lines {
			t.Errorf("got lines %q, want %q", lines, f.lines)
		}
		if v := c.Check([]byte(f.datagram), at); v != Replayed {
			t.Errorf("again: got %d, want replayed", v)
		}
		if d := sign("mysecret", f.lines, uint64(f.at), binary.LittleEndian.Uint32([]byte(f.datagram[nonceAt:]))); string(d) != f.datagram {
			t.Errorf("the test signs %q as %q", f.lines, d)
		}
	}
}

func TestCheck(t *testing.T) {
	now := time.Unix(1_800_000_000, 999_999_999)
	at := func(seconds int) uint64 { return uint64(now.Unix() + int64(seconds)) }
	c := NewWindow(2*time.Second + time.Millisecond).Checker(keys(t, newKey, oldKey))
	for i, tt := range []struct {
		what     string
		datagram []byte
		want     Verdict
	}{
		{"nothing", nil, Unsigned},
		{"plain lines", []byte("a:1|c"), Unsigned},
		{"long plain lines", []byte(strings.Repeat("a:1|c\n", 20)), Forged},
		{"a byte too short", sign(newKey, "", at(0), 0)[:Overhead-1], Unsigned},
		{"no lines", sign(newKey, "", at(0), 0), Accepted},
		{"the new key", sign(newKey, "a:1|c", at(0), 0), Accepted},
		{"the old key", sign(oldKey, "a:1|c", at(0), 0), AcceptedOld},
		{"another key", sign("another", "a:1|c", at(0), 1), Forged},
		{"the same again", sign(newKey, "a:1|c", at(0), 0), Replayed},
		{"the old key again", sign(oldKey, "a:1|c", at(0), 0), Replayed},
		{"another nonce", sign(newKey, "a:1|c", at(0), 1), Accepted},
		{"another second", sign(newKey, "a:1|c", at(-1), 0), Accepted},
		{"as late as allowed", sign(newKey, "a:1|c", at(-3), 0), Accepted},
		{"too late", sign(newKey, "a:1|c", at(-4), 0), Late},
		{"of 1970", sign(newKey, "a:1|c", 0, 0), Late},
		{"as early as allowed", sign(newKey, "a:1|c", at(3), 0), Accepted},
		{"too early", sign(newKey, "a:1|c", at(4), 0), Early},
		{"the last second that fits", sign(newKey, "a:1|c", math.MaxInt64, 0), Early},
		{"a second too large for an int64", sign(newKey, "a:1|c", math.MaxUint64, 0), Early},
		{"too late, and another key", sign("another", "a:1|c", at(-4), 0), Forged},
	} {
		if v := c.Check(tt.datagram, now); v != tt.want || v.Accepted() != (tt.want <= AcceptedOld) {
			t.Errorf("%d, %s: got %d, want %d", i, tt.what, v, tt.want)
		}
	}
}

// TestRotation replaces a key in the steps that an operator takes. It first adds the new key, then
// changes the clients, and finally removes the old key.
func TestRotation(t *testing.T) {
	now, w := time.Unix(1_800_000_000, 0), NewWindow(time.Second)
	nonce := uint32(0)
	check := func(k *Keys, key string) Verdict {
		nonce++
		return w.Checker(k).Check(sign(key, "a:1|c", uint64(now.Unix()), nonce), now)
	}
	for i, step := range []struct {
		keys             *Keys
		ofOld, ofNewUser Verdict
	}{
		{keys(t, oldKey), Accepted, Forged},
		{keys(t, newKey, oldKey), AcceptedOld, Accepted},
		{keys(t, newKey), Forged, Accepted},
	} {
		if v := check(step.keys, oldKey); v != step.ofOld {
			t.Errorf("step %d: with the old key %d, want %d", i, v, step.ofOld)
		}
		if v := check(step.keys, newKey); v != step.ofNewUser {
			t.Errorf("step %d: with the new key %d, want %d", i, v, step.ofNewUser)
		}
	}
	// A Checker with new keys still knows the signatures from before the change.
	d := sign(newKey, "a:1|c", uint64(now.Unix()), 1000)
	if a, b := w.Checker(keys(t, newKey)).Check(d, now), w.Checker(keys(t, oldKey, newKey)).Check(d, now); a != Accepted || b != Replayed {
		t.Errorf("got %d, then %d", a, b)
	}
}

// TestNeverTwice sets the clock forward and back. No datagram may be accepted twice.
func TestNeverTwice(t *testing.T) {
	const start = 1_800_000_000
	w := NewWindow(3 * time.Second)
	c := w.Checker(keys(t, newKey))
	accepted := map[string]bool{}
	for _, move := range []int64{0, 1, 2, 3600, 1, -3600, 0, 4, 5, 6, -10, 20, 1} {
		now := start + move
		for at := start - 10; at < start+30; at++ {
			d := sign(newKey, "a:1|c", uint64(at), 0)
			if c.Check(d, time.Unix(now, 0)).Accepted() {
				if accepted[string(d)] {
					t.Errorf("the datagram of %d was accepted twice", at-start)
				}
				accepted[string(d)] = true
			}
		}
		if held := len(w.seconds); held > 14 {
			t.Errorf("%d seconds are remembered", held)
		}
	}
	if len(accepted) < 10 {
		t.Errorf("%d datagrams were accepted", len(accepted))
	}
}

// TestMemory fills a Window to its limit. Later it checks that old signatures are removed.
func TestMemory(t *testing.T) {
	const most = 1000
	w := NewWindow(time.Second)
	w.max = most
	now := int64(1_800_000_000)
	for i := range uint64(most + 10) {
		want := Accepted
		if i >= most {
			want = Full
		}
		if v := w.judge(stamp{uint64(now) + i%2, i}, now); v != want {
			t.Fatalf("datagram %d: got %d, want %d", i, v, want)
		}
	}
	if v := w.judge(stamp{uint64(now), 0}, now); v != Replayed {
		t.Errorf("a replay at the limit: %d", v)
	}
	now += 2 // half of the signatures are now too old
	if v := w.judge(stamp{uint64(now), 0}, now); v != Accepted || w.prints != most/2+1 {
		t.Errorf("got %d with %d prints", v, w.prints)
	}
	now += 2
	if w.judge(stamp{uint64(now), 0}, now); w.prints != 1 || len(w.seconds) != 1 {
		t.Errorf("%d prints in %d seconds are remembered", w.prints, len(w.seconds))
	}
}

// TestPrints adds random signatures to a set (of the type prints) and to a map. The set and the map must contain the
// same signatures.
func TestPrints(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	set, all := newPrints(leastPrints, random.Uint64()), map[uint64]bool{1: true}
	set.add(0)
	for range 100_000 {
		print := random.Uint64N(200_000) << random.IntN(40)
		if set.has(print) != all[max(print, 1)] {
			t.Fatalf("the set has %d: %v", print, set.has(print))
		}
		if !set.has(print) {
			set.add(print)
			all[max(print, 1)] = true
		}
	}
	if set.n != len(all) || len(set.table) > 8*set.n {
		t.Errorf("%d signatures in %d places, want %d", set.n, len(set.table), len(all))
	}
	for print := range all {
		if !set.has(print) {
			t.Fatalf("the set has lost %d", print)
		}
	}
}

// TestTogether passes the same datagrams to several receivers that share one Window. Exactly one receiver must accept
// each datagram.
func TestTogether(t *testing.T) {
	w, k, now := NewWindow(time.Second), keys(t, newKey), time.Unix(1_800_000_000, 0)
	const receivers, datagrams = 4, 500
	var all [datagrams][]byte
	for i := range all {
		all[i] = sign(newKey, "a:1|c", uint64(now.Unix()), uint32(i))
	}
	var counts [receivers][Full + 1]int
	var wg sync.WaitGroup
	for r := range receivers {
		wg.Go(func() {
			c := w.Checker(k)
			for _, d := range all {
				counts[r][c.Check(d, now)]++
			}
		})
	}
	wg.Wait()
	var sum [Full + 1]int
	for _, one := range counts {
		for v, n := range one {
			sum[v] += n
		}
	}
	if sum[Accepted] != datagrams || sum[Replayed] != datagrams*(receivers-1) {
		t.Errorf("got %v", sum)
	}
}

func TestParseKeys(t *testing.T) {
	k := keys(t, "# the newest", "", "  "+newKey+"\r", "\t", oldKey, strings.Repeat("k", maxKey))
	if k.Len() != 3 || string(k.all[0]) != newKey || string(k.all[1]) != oldKey {
		t.Errorf("got %q", k.all)
	}
	for text, want := range map[string]string{
		"":                              "the file has no key",
		"# only a comment\n":            "the file has no key",
		"short secret":                  "line 1: the key has 12 bytes, and must have between 16 and 1024",
		strings.Repeat("k", maxKey+1):   "1025 bytes",
		newKey + "\n#\n" + newKey + " ": "line 3: the key is given twice",
	} {
		if _, err := ParseKeys([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: got %v, want %q", text, err, want)
		}
	}
	var many strings.Builder
	for i := range maxKeys + 1 {
		fmt.Fprintf(&many, "key number %010d\n", i)
	}
	if _, err := ParseKeys([]byte(many.String())); err == nil || !strings.Contains(err.Error(), "at most 8 keys") {
		t.Errorf("got %v", err)
	}
}

func TestReadKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := ReadKeys(path); err == nil {
		t.Error("a file that does not exist was read")
	}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "mode 0640", 0o604: "chmod 600"} {
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(newKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKeys(path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("mode %o: got %v, want %q", mode, err, want)
		}
	}
	_ = os.Remove(path)
	if err := os.WriteFile(path, bytes.Repeat([]byte("#\n"), maxFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeys(path); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("a large file: %v", err)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := NewWindow(time.Second).Checker(keys(t, newKey, oldKey))
	good := sign(oldKey, strings.Repeat("a:1|c\n", 200), uint64(now.Unix()), 0)
	bad := sign("another", "a:1|c", uint64(now.Unix()), 0)
	c.Check(good, now)
	if n := testing.AllocsPerRun(100, func() { c.Check(good, now); c.Check(bad, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzFlip changes one bit of a signed datagram. The changed datagram must never be accepted.
func FuzzFlip(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	f.Add("a:1|c", uint32(0), uint32(0))
	f.Add("", uint32(1), uint32(8*timeAt))
	f.Add("a:1|c\nb:2|ms", uint32(1<<31), uint32(8*nonceAt+7))
	f.Fuzz(func(t *testing.T, lines string, nonce, bit uint32) {
		c := NewWindow(3 * time.Second).Checker(keys(t, newKey, oldKey))
		for _, key := range []string{newKey, oldKey} {
			d := sign(key, lines, uint64(now.Unix()), nonce)
			at := int(bit) % (8 * len(d))
			d[at/8] ^= 1 << (at % 8)
			if v := c.Check(d, now); v != Forged {
				t.Errorf("bit %d of %q: got %d", at, lines, v)
			}
			d[at/8] ^= 1 << (at % 8)
			if v := c.Check(d, now); !v.Accepted() {
				t.Errorf("%q: got %d", lines, v)
			}
		}
	})
}

// TestFlip changes each bit of a signed datagram, one at a time.
func TestFlip(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := NewWindow(3 * time.Second).Checker(keys(t, newKey, oldKey))
	d := sign(newKey, "web.hits:1|c\nweb.time:320|ms|@0.1", uint64(now.Unix()), 7)
	for bit := range 8 * len(d) {
		d[bit/8] ^= 1 << (bit % 8)
		if v := c.Check(d, now); v != Forged {
			t.Fatalf("bit %d: got %d", bit, v)
		}
		d[bit/8] ^= 1 << (bit % 8)
	}
	for n := range d {
		if v := c.Check(d[:n], now); v.Accepted() {
			t.Fatalf("cut to %d bytes: got %d", n, v)
		}
	}
	if v := c.Check(append(d, 0), now); v != Forged {
		t.Errorf("with a byte more: got %d", v)
	}
	if v := c.Check(d, now); v != Accepted {
		t.Errorf("unchanged: got %d", v)
	}
}

// FuzzCheck checks arbitrary bytes, which must never be accepted.
func FuzzCheck(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	f.Add(sign(newKey, "a:1|c", uint64(now.Unix()), 0))
	f.Add([]byte("a:1|c"))
	c := NewWindow(3 * time.Second).Checker(keys(f, newKey))
	f.Fuzz(func(t *testing.T, d []byte) {
		if v := c.Check(d, now); v.Accepted() && !bytes.Equal(d, sign(newKey, string(d[Overhead:]), binary.LittleEndian.Uint64(d[timeAt:]), binary.LittleEndian.Uint32(d[nonceAt:]))) {
			t.Errorf("%q was accepted", d)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(newKey + "\n#\n\r\n" + oldKey))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeys(text)
		if err != nil {
			return
		}
		if k.Len() == 0 || k.Len() > maxKeys {
			t.Errorf("%d keys", k.Len())
		}
		for _, key := range k.all {
			if len(key) < minKey || len(key) > maxKey {
				t.Errorf("a key of %d bytes", len(key))
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	now := time.Unix(1_800_000_000, 0)
	for _, size := range []int{72, 512, 1432} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := NewWindow(time.Second).Checker(keys(b, newKey))
			d := sign(newKey, strings.Repeat("a", size-Overhead), uint64(now.Unix()), 0)
			b.ReportAllocs()
			for b.Loop() {
				c.Check(d, now)
			}
		})
	}
}
