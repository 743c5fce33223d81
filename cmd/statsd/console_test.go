package main

import (
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// askConsole implements the script command "console PORT COMMAND [REGEXP]". It sends a command to a management
// console repeatedly, until the answer matches. The answer becomes the standard output of the script command.
func askConsole(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: console PORT COMMAND [REGEXP]")
	}
	re, err := regexp.Compile("(?m)" + append(args, "")[2])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", args[0]))
		ts.Check(err)
		_, err = io.WriteString(conn, args[1]+"\nquit\n")
		ts.Check(err)
		answer, err := io.ReadAll(conn)
		ts.Check(err)
		_ = conn.Close()
		if re.Match(answer) {
			_, err := ts.Stdout().Write(answer)
			ts.Check(err)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the answer to %s never has a match for %s: %s", args[1], args[2], answer)
		}
	}
}

// TestShownSecrets checks that the URLs of notifiers are hidden.
func TestShownSecrets(t *testing.T) {
	all := resolved(t, []string{"--notify-slack", "https://hooks.slack.com/services/s3cret", "--notify-webhook", "http://a:81/?key=s3cret"}, nil)
	shown := map[string]string{}
	for _, s := range all.shown(all, nil) {
		shown[s.Name] = s.Value
	}
	if shown["notify-slack"] != "https://hooks.slack.com/***" || shown["notify-webhook"] != "http://a:81/***" {
		t.Errorf("shown: %q, %q", shown["notify-slack"], shown["notify-webhook"])
	}
}

// TestShownPasswords checks that withoutPassword hides the password in a URL, and hides a text that it cannot parse
// as a URL.
func TestShownPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"graphite://user:secret@host:2003?timeout=5s": "graphite://user:***@host:2003?timeout=5s",
		"graphite://host:2003":                        "graphite://host:2003",
		"/etc/a@b.conf":                               "/etc/a@b.conf",
		"%zz://user:secret@host":                      "(hidden: not a URL)",
	} {
		if got := withoutPassword(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}
