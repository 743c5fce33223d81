package tcp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/spool"
)

// Config configures the Engine of a central.
type Config struct {
	// Listener accepts the edges. The Engine closes it.
	Listener net.Listener
	// Admit decides about a new connection, until ctx ends. It returns the connection to use: the same one, or
	// for TLS a connection that decrypts. The error says why the edge is refused. The error io.EOF means that
	// the peer left before its first byte. If Admit is nil, all edges are admitted.
	Admit func(ctx context.Context, conn net.Conn) (net.Conn, error)
	// Keys are shared with the edges. Nil means no keys: then everyone who can connect can act as an edge.
	Keys Keys
	// Dir is the directory of this Engine. No other Engine may use it. If it is missing, it is created with
	// access for its owner only.
	Dir string
	// MaxBytes bounds the messages that wait in Dir. Zero means 1 GiB.
	MaxBytes int64
	// FsyncEvery is the longest time that data is only in the kernel's memory. Zero means 1 s.
	FsyncEvery time.Duration
	// MaxEdges is the maximum number of connections. Zero means 1024.
	MaxEdges int
	// Tell receives messages for operators, at most one a minute. It may be nil.
	Tell func(error)
}

const (
	defaultMaxBytes   = 1 << 30
	defaultFsyncEvery = time.Second
	defaultMaxEdges   = 1024
	leastShare        = 2 << 20   // minimum number of bytes for a partition's messages: room for some large ones
	mostFree          = 256 << 20 // bytes of the disk that messages leave free for commits
	settingsLimit     = 64 << 10
	directoryOf       = "partition-%04d"
)

// Engine is a central: it listens to edges and keeps everything in a directory.
type Engine struct {
	cfg  Config
	lock *os.File
	door *door

	mu         sync.Mutex
	settings   link.Settings // zero before Join
	partitions []*partition
	stop       chan struct{}
	working    sync.WaitGroup
}

var _ link.Engine = (*Engine)(nil)

// Open locks the directory. Edges are accepted after Join. The Engine owns the Listener even if Open
// returns an error.
func Open(cfg Config) (*Engine, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.FsyncEvery == 0 {
		cfg.FsyncEvery = defaultFsyncEvery
	}
	if cfg.MaxEdges == 0 {
		cfg.MaxEdges = defaultMaxEdges
	}
	lock, err := hold(cfg.Dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("collect into %s: %w", cfg.Dir, err), cfg.Listener.Close())
	}
	e := &Engine{cfg: cfg, lock: lock, stop: make(chan struct{})}
	e.door = newDoor(e)
	return e, nil
}

func hold(dir string) (*os.File, error) {
	if err := safefile.Directory(dir); err != nil {
		return nil, err
	}
	lock, err := safefile.Holding(filepath.Join(dir, "lock"))
	if _, taken := errors.AsType[*safefile.InUseError](err); taken {
		err = fmt.Errorf("another central uses this directory: %w", err)
	}
	return lock, err
}

// Join reads the settings, or makes them at the first start, and begins to accept edges.
func (e *Engine) Join(_ context.Context, wanted link.Settings) (link.Settings, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	settings, err := e.join(wanted)
	if err != nil {
		return link.Settings{}, fmt.Errorf("collect into %s: %w", e.cfg.Dir, err)
	}
	return settings, nil
}

func (e *Engine) join(wanted link.Settings) (link.Settings, error) {
	select {
	case <-e.stop:
		return link.Settings{}, net.ErrClosed
	default:
	}
	settings, err := readSettings(filepath.Join(e.cfg.Dir, "settings"), wanted)
	if err != nil {
		return link.Settings{}, err
	}
	if err := wanted.Compare(settings); err != nil {
		return link.Settings{}, err
	}
	if e.partitions != nil {
		return settings, nil
	}
	if e.partitions, err = e.open(settings); err != nil {
		return link.Settings{}, err
	}
	e.settings = settings
	e.working.Go(e.syncAll)
	e.working.Go(func() { e.door.serve(settings) })
	return settings, nil
}

// readSettings reads the settings, or makes them from the wanted ones if there are none.
func readSettings(path string, wanted link.Settings) (link.Settings, error) {
	text, err := safefile.ReadFile(path, settingsLimit)
	if err == nil {
		return link.ParseSettings(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return link.Settings{}, err
	}
	first, err := wanted.First(func(key []byte) { _, _ = rand.Read(key) }) // never fails
	if err != nil {
		return link.Settings{}, err
	}
	return first, safefile.Replace(path, func(w io.Writer) error {
		_, err := w.Write(first.Encode())
		return err
	})
}

// open opens all partitions.
func (e *Engine) open(settings link.Settings) ([]*partition, error) {
	share := e.cfg.MaxBytes / int64(settings.Partitions)
	if share < leastShare {
		return nil, fmt.Errorf("%d bytes for %d partitions are too few: give at least %d for each", e.cfg.MaxBytes, settings.Partitions, leastShare)
	}
	all := make([]*partition, settings.Partitions)
	for p := range all {
		var err error
		all[p], err = openPartition(filepath.Join(e.cfg.Dir, fmt.Sprintf(directoryOf, p)), settings.Slots(), spool.LogConfig{
			MaxBytes: share,
			KeepFree: min(e.cfg.MaxBytes/16, mostFree),
		})
		if err != nil {
			for _, open := range all[:p] {
				_ = open.log.Close() // the first error counts
			}
			return nil, err
		}
	}
	return all, nil
}

// syncAll writes all data to disk each FsyncEvery.
func (e *Engine) syncAll() {
	for {
		select {
		case <-time.After(e.cfg.FsyncEvery):
		case <-e.stop:
			return
		}
		for _, p := range e.partitions {
			if err := p.sync(); err != nil {
				e.door.tell(err)
			}
		}
	}
}

// Partition returns a partition, after Join.
func (e *Engine) Partition(p int) link.Partition { return e.partitions[p] }

// Members owns all partitions.
func (e *Engine) Members() link.Members { return members{len(e.partitions)} }

// Sender returns a Sender for an edge in this process, after Join.
func (e *Engine) Sender() link.Sender { return local{e} }

// Close ends all connections, writes all data to disk and unlocks the directory.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.stop:
		return nil
	default:
	}
	close(e.stop)
	err := e.door.close()
	e.working.Wait()
	for _, p := range e.partitions {
		err = errors.Join(err, p.close())
	}
	return errors.Join(err, e.lock.Close())
}

// store appends a message. The code is the answer to the edge.
func (e *Engine) store(p uint32, data []byte) (code byte, err error) {
	if uint64(p) >= uint64(len(e.partitions)) {
		return codeRefused, fmt.Errorf("partition %d of a cluster with %d", p, len(e.partitions))
	}
	if len(data) == 0 || len(data) > maxMessage {
		return codeRefused, fmt.Errorf("it has %d bytes, and 1 to %d are allowed", len(data), maxMessage)
	}
	_, err = e.partitions[p].log.Append(data, time.Now())
	switch {
	case err == nil:
		e.door.stats.stored(len(data))
		return codeStored, nil
	case errors.Is(err, spool.ErrFull):
		e.door.stats.full.Add(1)
		return codeFull, err
	}
	e.door.stats.failed.Add(1)
	return codeFailed, err
}

type members struct{ partitions int }

func (m members) Run(ctx context.Context, wanted func([]int)) error {
	all := make([]int, m.partitions)
	for p := range all {
		all[p] = p
	}
	wanted(all)
	<-ctx.Done()
	return nil
}

// local is the Sender of an edge in the central's own process.
type local struct{ e *Engine }

func (l local) Settings(context.Context) (link.Settings, error) { return l.e.settings, nil }

func (l local) Send(_ context.Context, m link.Message) error {
	code, err := l.e.store(uint32(m.Partition), m.Data)
	if err != nil {
		return outcome(code, err.Error())
	}
	return nil
}

func (l local) Close() error { return nil }
