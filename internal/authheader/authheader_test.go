package authheader

import (
	"net/url"
	"strings"
	"testing"
)

func TestHeaders(t *testing.T) {
	all, err := Parse([]byte("# secrets\n\nauthorization: Bearer a:b\nHooks.Example.com X-Token:  1 \n[::1]:8080 X-Token: 2\nX-Plain:3\nother:9093 X-Token: 4\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"http://hooks.example.com:81/": "1", "http://HOOKS.example.com/": "1", "http://[::1]:8080/": "2", "http://[::1]/": "", "http://other:9093/": "4", "http://other/": "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := all.Of(u); got.Get("X-Token") != want || got.Get("Authorization") != "Bearer a:b" || got.Get("X-Plain") != "3" {
			t.Errorf("%s gets %v", address, got)
		}
	}
	for text, want := range map[string]string{
		"":                                     "has no header",
		"s3cret":                               "line 1: must be NAME: VALUE",
		"host s3cret":                          "line 1: must be NAME: VALUE",
		"\nA:":                                 "line 2: the header A has no value",
		"A: s3cret\nhost B: s3cret\na: s3cret": "line 3: A is given twice",
		"A B: s3cret":                          "",
		"A B C: s3cret":                        "line 1: must be NAME: VALUE",
		"A: s3cret\x01":                        "line 1: the value of the header A is not plain ASCII",
		"A: \xff":                              "line 1: the value of the header A is not plain ASCII",
		"Host: s3cret":                         "line 1: the header Host cannot be set in this file",
		"content-length: 5":                    "line 1: the header Content-Length cannot be set in this file",
		"A(: s3cret":                           "line 1: must be NAME: VALUE",
		": s3cret":                             "line 1: must be NAME: VALUE",
	} {
		_, err := Parse([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows a value: %v", err)
		}
	}
}

// TestCheck checks that each secret is sent to one host only.
func TestCheck(t *testing.T) {
	for _, tt := range []struct{ text, addresses, want string }{
		{"A: 1", "http://a/x http://A/y", ""},
		{"A: 1", "http://a/x http://b/y", "the header A has no host, and there are notifiers at a and b: write HOST A: VALUE"},
		{"A: 1", "http://a/x http://a:81/y", "the header A has no host, and there are notifiers at a and a:81: write HOST A: VALUE"},
		{"a A: 1\nb A: 2", "http://a/x http://b/y", ""},
		{"c A: 1", "http://a/x", `no notifier has the host "c" in its URL`},
	} {
		headers, err := Parse([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		var addresses []*url.URL
		for address := range strings.FieldsSeq(tt.addresses) {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			addresses = append(addresses, u)
		}
		err = headers.Check(addresses)
		if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("%q at %s: %v, want %s", tt.text, tt.addresses, err, tt.want)
		}
	}
}
