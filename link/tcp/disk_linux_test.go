package tcp

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
)

// TestFull fills the disk of a central whose MaxBytes is larger than the disk. The edge gets an
// error, but commits still work. After a trim, messages are accepted again.
func TestFull(t *testing.T) {
	ctx := patience(t)
	e := central(t, Config{Dir: filepath.Join(counterpart.SmallDisk(t), "collect"), MaxBytes: 32 << 20, FsyncEvery: time.Millisecond})
	join(t, e)
	s := edge(t, SenderConfig{Address: e.addr()})
	n, err := 0, error(nil)
	for err == nil {
		err = s.Send(ctx, link.Message{Partition: 1, Data: bytes.Repeat([]byte{byte(n)}, 100<<10)})
		n++
	}
	if !errors.Is(err, link.ErrFull) || !strings.Contains(err.Error(), "the disk has") {
		t.Fatal(err)
	}
	if got := e.Stats(); got.Full != 1 || got.Messages != uint64(n-1) {
		t.Errorf("after %d messages: %+v", n, got)
	}
	p := e.Partition(1)
	if _, err := p.Append(ctx, 0, 1, make([]byte, 500<<10)); err != nil {
		t.Errorf("a commit: %v", err)
	}
	if err := p.Trim(ctx, uint64(n)); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the trim makes no room", func() bool {
		return s.Send(ctx, link.Message{Partition: 1, Data: []byte("again")}) == nil
	})
}

func TestFullCommit(t *testing.T) {
	ctx := patience(t)
	disk := counterpart.SmallDisk(t)
	e := central(t, Config{Dir: filepath.Join(disk, "collect"), MaxBytes: 32 << 20})
	join(t, e)
	p := e.Partition(0)
	v, err := p.Append(ctx, 0, 0, []byte("small"))
	for slot := int64(1); err == nil; slot++ {
		if _, err = p.Append(ctx, v, slot, make([]byte, 1<<20)); err == nil {
			v++
		}
	}
	if !errors.Is(err, link.ErrFull) {
		t.Fatal(err)
	}
	if head, err := p.Head(ctx); err != nil || head.Version != v {
		t.Errorf("the head is %d, want %d: %v", head.Version, v, err)
	}
	if _, err := p.Append(ctx, v, int64(v)-1, []byte("smaller")); err != nil {
		t.Errorf("in the place of a large commit: %v", err)
	}
}
