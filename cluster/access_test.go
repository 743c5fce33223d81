package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/enginetest"
	"github.com/statsd-ops/statsd/link/nats"
)

// use joins a cluster as an owner, and sends a message.
func use(t *testing.T, cfg nats.Config) error {
	t.Helper()
	cfg.Replicas, cfg.MaxBytes = 1, 64<<20
	e, err := nats.NewEngine(cfg)
	if err != nil {
		return err
	}
	defer e.Close()
	ctx := patience(t)
	if _, err := e.Join(ctx, enginetest.Settings); err != nil {
		return err
	}
	s, err := nats.NewSender(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Send(ctx, link.Message{ID: fmt.Sprint(time.Now().UnixNano()), Data: []byte("x")})
}

// TestTLS configures the NATS servers to require TLS, with and without client certificates.
func TestTLS(t *testing.T) {
	authority := counterpart.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1")
	clientCert, clientKey := authority.Issue("edge")
	for _, verify := range []bool{false, true} {
		c := nodes.Start(t, nodes.Options{Nodes: 1, Client: fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: %v }", cert, key, authority.File, verify)})
		cfg := nats.Config{Servers: c.Servers(), NKey: nodes.Key("owner"), CA: authority.File}
		if verify {
			cfg.Cert, cfg.Key = clientCert, clientKey
		}
		if err := use(t, cfg); err != nil {
			t.Errorf("verify %v: %v", verify, err)
		}
		cfg.CA = counterpart.NewAuthority(t).File
		s, err := nats.NewSender(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Send(t.Context(), link.Message{ID: "1", Data: []byte("x")})
		if err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("another authority: %v", err)
		}
		_ = s.Close()
	}
}

// TestCreds configures the NATS servers to trust an operator, and gives each daemon a JWT.
func TestCreds(t *testing.T) {
	operator, account, user := newKey(t, nkeys.CreateOperator), newKey(t, nkeys.CreateAccount), newKey(t, nkeys.CreateUser)
	ac := jwt.NewAccountClaims(public(t, account))
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	system := newKey(t, nkeys.CreateAccount)
	oc := jwt.NewOperatorClaims(public(t, operator))
	oc.SystemAccount = public(t, system)
	uc := jwt.NewUserClaims(public(t, user))
	uc.IssuerAccount = public(t, account)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(encode(t, uc, account), seed)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(path, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	c := nodes.Start(t, nodes.Options{Nodes: 1, Users: fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }\n",
		encode(t, oc, operator), public(t, account), encode(t, ac, operator), oc.SystemAccount, encode(t, jwt.NewAccountClaims(oc.SystemAccount), operator))})
	if err := use(t, nats.Config{Servers: c.Servers(), Creds: path}); err != nil {
		t.Error(err)
	}
}

func newKey(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	k, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t *testing.T, k nkeys.KeyPair) string {
	t.Helper()
	text, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func encode(t *testing.T, c jwt.Claims, by nkeys.KeyPair) string {
	t.Helper()
	text, err := c.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
