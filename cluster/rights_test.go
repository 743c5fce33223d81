package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/enginetest"
	"github.com/statsd-ops/statsd/link/nats"
)

// TestRights checks that the users in contrib/nats have all necessary permissions, and that an edge
// has no other permissions.
func TestRights(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Nodes: 1})
	e := owner(t, c)
	if _, err := e.Join(patience(t), enginetest.Settings); err != nil {
		t.Fatal(err)
	}
	option, err := natsgo.NkeyOptionFromSeed(nodes.Key("edge"))
	if err != nil {
		t.Fatal(err)
	}
	denied := make(chan string, 10)
	conn, err := natsgo.Connect("nats://"+c.Nodes[0].Client, option, natsgo.CustomInboxPrefix("_INBOX.sd.edge"),
		natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) {
			if errors.Is(err, natsgo.ErrPermissionViolation) {
				denied <- err.Error()
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, subject := range []string{
		"sd.w.0.own", "sd.x.0.own.x", "sd.p.0.x", "$KV.sd_cluster.settings", "$KV.sd_members.own.x",
		"$JS.API.STREAM.DELETE.SD_W", "$JS.API.STREAM.PURGE.SD_P_0", "$JS.API.STREAM.UPDATE.SD_P_0", "$JS.API.STREAM.MSG.GET.SD_P_0",
		"$JS.API.CONSUMER.CREATE.SD_P_0", "$JS.API.STREAM.CREATE.X",
	} {
		if err := conn.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		select {
		case text := <-denied:
			if !strings.Contains(text, subject) {
				t.Errorf("publish to %s: %s", subject, text)
			}
		case <-time.After(wait.Patience):
			t.Errorf("an edge may publish to %s", subject)
		}
	}
	for _, subject := range []string{"sd.>", "_INBOX.sd.owner.>", "_INBOX.>", ">"} {
		if _, err := conn.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		select {
		case <-denied:
		case <-time.After(wait.Patience):
			t.Errorf("an edge may subscribe to %s", subject)
		}
	}
	if err := edge(t, c).Send(patience(t), link.Message{ID: "1", Data: []byte("x")}); err != nil {
		t.Error(err)
	}
}

// TestRefused checks the errors that operators get when the configuration is wrong.
func TestRefused(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Nodes: 1})
	stranger := filepath.Join(t.TempDir(), "stranger.nk")
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := pair.Seed()
	if err := os.WriteFile(stranger, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	join := func(cfg nats.Config) error {
		e, err := nats.NewEngine(cfg)
		if err != nil {
			return err
		}
		defer e.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		_, err = e.Join(ctx, enginetest.Settings)
		return err
	}
	var working sync.WaitGroup
	good := nats.Config{Servers: c.Servers(), NKey: nodes.Key("owner"), Replicas: 1, MaxBytes: 64 << 20}
	for name, tt := range map[string]struct {
		change func(*nats.Config)
		want   []string
	}{
		"a key that the servers do not know": {func(c *nats.Config) { c.NKey = stranger }, []string{"Authorization Violation"}},
		"no key":                             {func(c *nats.Config) { c.NKey = "" }, []string{"Authorization Violation"}},
		"a file that is missing":             {func(c *nats.Config) { c.NKey = "/nowhere/x.nk" }, []string{"/nowhere/x.nk", "no such file"}},
		"creds that are missing":             {func(c *nats.Config) { c.NKey, c.Creds = "", "/nowhere/x.creds" }, []string{"/nowhere/x.creds"}},
		"an authority that is missing":       {func(c *nats.Config) { c.CA = "/nowhere/ca.pem" }, []string{"/nowhere/ca.pem"}},
		"TLS where the servers have none":    {func(c *nats.Config) { c.TLS = true }, []string{"secure connection not available"}},
		"the rights of an edge":              {func(c *nats.Config) { c.NKey = nodes.Key("edge") }, []string{"ermissions", "$JS.API.STREAM.INFO.KV_sd_cluster"}},
		"no such server":                     {func(c *nats.Config) { c.Servers = []string{"127.0.0.1:1"} }, []string{"connection refused"}},
		"more copies than servers":           {func(c *nats.Config) { c.Replicas, c.Prefix = 3, "sd" }, []string{"--collect-replicas"}},
	} {
		working.Go(func() {
			cfg := good
			tt.change(&cfg)
			err := join(cfg)
			if err == nil || slices.ContainsFunc(tt.want, func(w string) bool { return !strings.Contains(err.Error(), w) }) {
				t.Errorf("%s: got %v, want %q", name, err, tt.want)
			}
		})
	}
	working.Wait()
	if err := join(good); err != nil {
		t.Fatal(err)
	}
	// The cluster exists now. Its disk is too small for a second cluster.
	large := good
	large.MaxBytes, large.Prefix = 1<<40, "sd"
	if err := join(large); err != nil {
		t.Errorf("--collect-bytes of an existing cluster: %v", err)
	}
}

// TestTooLarge checks the error of an owner if the disks of the servers are too small for a new
// cluster.
func TestTooLarge(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Nodes: 1})
	e, err := nats.NewEngine(nats.Config{Servers: c.Servers(), NKey: nodes.Key("owner"), Replicas: 1, MaxBytes: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Join(patience(t), enginetest.Settings); err == nil || !strings.Contains(err.Error(), "--collect-bytes") {
		t.Errorf("got %v", err)
	}
}

// TestOtherSettings starts daemons with settings that differ from the settings of the cluster. The
// daemons must exit with an error that names the flag.
func TestOtherSettings(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Nodes: 1})
	flags := []string{"--collect", natsURL(c.Servers(), "owner"), "--collect-replicas", "1", "--collect-bytes", "64MiB", "--sink", "stdout://"}
	newDaemon(t, "owner", append(flags, "--collect-id", "owner", "--collect-partitions", "4")...).await()
	for flag, args := range map[string][]string{
		"--collect-partitions": append(flags, "--collect-partitions", "8", "--flush-interval", interval.String()),
		"--late-horizon":       append(flags, "--collect-partitions", "4", "--flush-interval", interval.String(), "--late-horizon", "5m"),
		"--flush-interval":     {"--forward", natsURL(c.Servers(), "edge"), "--flush-interval", "5"},
		"--tags":               {"--forward", natsURL(c.Servers(), "edge"), "--flush-interval", interval.String(), "--tags", "graphite"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
		cmd := exec.CommandContext(ctx, program(t, "statsd"), append([]string{"--name", "127.0.0.1", "--port", "0", "--monitor-port", "off"}, args...)...)
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil || ctx.Err() != nil && ctx.Err() != context.Canceled || !strings.Contains(string(out), "the cluster has "+flag+"=") {
			t.Errorf("%s: %v\n%s", flag, err, out)
		}
	}
}
