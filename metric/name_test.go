package metric

import (
	"bytes"
	"testing"
)

func TestNameForm(t *testing.T) {
	for _, tt := range []struct {
		form       NameForm
		name, want string
		reason     Reason
	}{
		{NameForm{}, "a b;k=v", "a_bkv", None},
		{NameForm{Tagged: true}, "a b;k=ü v", "a_b;k=ü v", None},
		{NameForm{Tagged: true, Dialect: Gstatsd}, "a b/c", "ab_c", None},
		{NameForm{Tagged: true, AsSent: true}, "ü b\x00;k=\x00", "ü b_;k=\x00", None},
		{NameForm{AsSent: true}, "a;k=\x00", "a;k=_", None},
		{NameForm{AsSent: true}, "a\xff", "", BadName},
		{NameForm{AsSent: true, Tagged: true}, ";k=v", "", EmptyName},
		{NameForm{Tagged: true}, "!;k=v", "", EmptyName},
		{NameForm{Dialect: Etsy}, "!", "", EmptyName},
		{NameForm{Dialect: Etsy}, "a=b c", "a=b_c", None},
	} {
		got, reason := tt.form.Append([]byte("before:"), []byte(tt.name))
		if reason != tt.reason || reason == None && string(got) != "before:"+tt.want {
			t.Errorf("%+v: %q becomes %q, %v; want %q, %v", tt.form, tt.name, got, reason, tt.want, tt.reason)
		}
	}
}

// Keeps returns true exactly for the names that Append does not change.
func FuzzNameForm(f *testing.F) {
	for _, name := range []string{"", "a", "a=b", "a b", "a;k=v", ";k=v", "a\x00", "a\xff", "\u00a0", "a;k=\xff"} {
		for form := range uint8(Dialects * 4) {
			f.Add(form, []byte(name))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, name []byte) {
		form := NameForm{Dialect: Dialect(n / 4 % Dialects), Tagged: n&1 != 0, AsSent: n&2 != 0}
		kept, reason := form.Append(nil, name)
		if want := reason == None && bytes.Equal(kept, name); form.Keeps(name) != want {
			t.Fatalf("%+v: Keeps(%q) = %v, but it becomes %q, %v", form, name, !want, kept, reason)
		}
		if reason == None && !form.Keeps(kept) {
			t.Fatalf("%+v: %q becomes %q, which is not kept", form, name, kept)
		}
	})
}

// Each new name is checked, so Keeps must not allocate.
func TestKeepsAllocatesNothing(t *testing.T) {
	for _, name := range []string{"a.b", "a=b", "a b", "caf\u00e9"} {
		form := NameForm{Dialect: Etsy}
		if n := testing.AllocsPerRun(100, func() { form.Keeps([]byte(name)) }); n > 0 {
			t.Errorf("%q: %v allocations", name, n)
		}
	}
}
