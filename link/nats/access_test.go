package nats

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
)

// nonce is what a client of a door must sign.
const nonce = "sign this"

// door is a NATS server that asks each client for its credentials, and then closes the connection.
type door struct {
	net.Listener
	mu      sync.Mutex
	clients int
	last    shown
}

// shown is what a client shows to a door.
type shown struct {
	JWT, NKey, Sig string
}

func openDoor(t *testing.T) *door {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l}
	var working sync.WaitGroup
	working.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			working.Go(func() { d.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); working.Wait() })
	return d
}

func (d *door) serve(conn net.Conn) {
	defer conn.Close()
	d.mu.Lock()
	d.clients++
	d.mu.Unlock()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // nats.go does not close the connection if it cannot read the credentials
	fmt.Fprintf(conn, "INFO {\"server_id\":\"x\",\"version\":\"2.12.0\",\"headers\":true,\"auth_required\":true,\"max_payload\":1048576,\"nonce\":%q}\r\n", nonce)
	line, _ := bufio.NewReader(conn).ReadString('\n')
	var s shown
	if text, ok := strings.CutPrefix(line, "CONNECT "); !ok || json.Unmarshal([]byte(text), &s) != nil {
		return // the client cannot read its credentials
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = s
}

// sees waits until a client shows a JWT or a public key, with the signature of the key's owner.
func (d *door) sees(t *testing.T, want shown, by nkeys.KeyPair) {
	t.Helper()
	wait.Until(t, "the client does not show "+want.JWT+want.NKey, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		sig, err := base64.RawURLEncoding.DecodeString(d.last.Sig)
		return d.last.JWT == want.JWT && d.last.NKey == want.NKey && err == nil && by.Verify([]byte(nonce), sig) == nil
	})
}

func newUser(t *testing.T) (user nkeys.KeyPair, public, seed string) {
	t.Helper()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	text, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = user.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return user, public, string(text)
}

func credsOf(jwt, seed string) string {
	return fmt.Sprintf("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n", jwt, seed)
}

// put replaces a file, as a program that renews credentials does.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestRenewed changes the files with credentials while a client connects again and again. The client must use the new
// content. While the file is a FIFO, the client must not wait for a writer.
func TestRenewed(t *testing.T) {
	soak.Slow(t)
	dir := t.TempDir()
	first, public, firstSeed := newUser(t)
	second, _, secondSeed := newUser(t)
	creds, nkey := filepath.Join(dir, "user.creds"), filepath.Join(dir, "user.nk")
	put(t, creds, credsOf("first", firstSeed))
	put(t, nkey, firstSeed+"\n")
	for _, cfg := range []Config{{Creds: creds}, {NKey: nkey}} {
		d := openDoor(t)
		cfg.Servers = []string{d.Addr().String()}
		s, err := NewSender(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		ended, end := context.WithCancel(t.Context())
		end() // the client connects in the background
		if err := s.Send(ended, link.Message{ID: "1", Data: []byte("x")}); err == nil {
			t.Error("the door takes a message")
		}
		path, restore, want := nkey, firstSeed, shown{NKey: public}
		if cfg.Creds != "" {
			path, restore, want = creds, credsOf("first", firstSeed), shown{JWT: "first"}
		}
		d.sees(t, want, first)
		if err := unix.Mkfifo(path+".fifo", 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".fifo", path); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.clients, d.last = 0, shown{}
		d.mu.Unlock()
		wait.Until(t, "the client waits at the FIFO", func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.clients >= 3
		})
		put(t, path, restore)
		d.sees(t, want, first)
		if cfg.Creds != "" {
			put(t, creds, credsOf("second", secondSeed))
			d.sees(t, shown{JWT: "second"}, second)
		}
	}
}

// TestFaultyFiles checks the errors for files without credentials and without certificates.
func TestFaultyFiles(t *testing.T) {
	dir := t.TempDir()
	junk, account, large := filepath.Join(dir, "junk"), filepath.Join(dir, "account.nk"), filepath.Join(dir, "large")
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	put(t, junk, "junk\n")
	put(t, account, string(seed))
	put(t, large, strings.Repeat("x", maxSecret+1))
	for want, cfg := range map[string]Config{
		"creds: open " + dir + ": is a directory":                            {Creds: dir},
		"creds: open " + large + ": refused: it has more than 1048576 bytes": {Creds: large},
		"creds: open /nowhere: no such file or directory":                    {Creds: "/nowhere"},
		"creds: read " + junk + ": nkeys: no nkey seed found":                {Creds: junk},
		"nkey: open " + dir + ": is a directory":                             {NKey: dir},
		"nkey: open /nowhere: no such file or directory":                     {NKey: "/nowhere"},
		"nkey: read " + junk + ": nkeys: no nkey seed found":                 {NKey: junk},
		"nkey: read " + account + ": the seed is not the seed of a user":     {NKey: account},
		"ca: open /nowhere: no such file or directory":                       {CA: "/nowhere"},
		"ca: " + junk + " has no certificate in PEM":                         {CA: junk},
		"cert: open /nowhere: no such file or directory":                     {Cert: "/nowhere", Key: "/nowhere"},
		"cert: tls: failed to find any PEM data":                             {Cert: junk, Key: junk},
		"cert: needs key too":                                                {Cert: junk},
		"key: needs cert too":                                                {Key: junk},
	} {
		cfg.Servers = []string{"127.0.0.1:4222"}
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
