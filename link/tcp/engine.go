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

// Config configures the Engine of a central daemon.
type Config struct {
	// Listener accepts the connections of edges. The Engine closes it.
	Listener net.Listener
	// Admit decides whether a new connection is accepted. It must return when ctx ends. It returns the
	// connection to use: conn, or a TLS connection on top of it. If it refuses the connection, the
	// error says why. The error io.EOF means that the peer closed the connection before it sent a
	// byte. If Admit is nil, all connections are accepted.
	Admit func(ctx context.Context, conn net.Conn) (net.Conn, error)
	// Keys are the keys that edges must know. If Keys is nil, there are no keys, and everyone who can
	// connect can act as an edge.
	Keys Keys
	// Dir is the directory of this Engine. No other Engine may use it. If it does not exist, it is
	// created, and only the daemon's user gets access.
	Dir string
	// MaxBytes limits the size of the messages that wait in Dir. Zero means 1 GiB.
	MaxBytes int64
	// FsyncEvery is the maximum time until data is synced to disk. Zero means 1 s.
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
	leastShare        = 2 << 20   // minimum disk space for the messages of one partition, so that several large messages fit
	mostFree          = 256 << 20 // messages leave MaxBytes/16 of disk space free for commits, but at most this many bytes
	settingsLimit     = 64 << 10
	directoryOf       = "partition-%04d"
)

// Engine is the engine of a central daemon: it accepts edges, and stores all data in a directory.
type Engine struct {
	cfg  Config
	lock *os.File
	door *door

	mu         sync.Mutex
	settings   link.Settings // zero until the method Join is called
	partitions []*partition
	stop       chan struct{}
	working    sync.WaitGroup
}

var _ link.Engine = (*Engine)(nil)

// Open locks the directory. Edges are accepted only after Join. The Engine closes the Listener,
// even if Open returns an error.
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
		return nil, errors.Join(fmt.Errorf("cannot store the data of the cluster in the directory %s: %w", cfg.Dir, err), cfg.Listener.Close())
	}
	e := &Engine{cfg: cfg, lock: lock, stop: make(chan struct{})}
	e.door = newDoor(e)
	return e, nil
}

func hold(dir string) (*os.File, error) {
	if err := safefile.Subdirectory(dir); err != nil {
		return nil, err
	}
	lock, err := safefile.Holding(filepath.Join(dir, "lock"))
	if _, taken := errors.AsType[*safefile.InUseError](err); taken {
		err = fmt.Errorf("another central daemon uses this directory: %w", err)
	}
	return lock, err
}

// Join reads the settings of the cluster, or creates them at the first start. It then begins to
// accept edges.
func (e *Engine) Join(_ context.Context, wanted link.Settings) (link.Settings, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	settings, err := e.join(wanted)
	if err != nil {
		return link.Settings{}, fmt.Errorf("cannot store the data of the cluster in the directory %s: %w", e.cfg.Dir, err)
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

// readSettings reads the settings from a file. If there is no such file, it creates the file from
// the parameter wanted.
func readSettings(path string, wanted link.Settings) (link.Settings, error) {
	text, err := safefile.ReadFile(path, settingsLimit)
	if err == nil {
		return link.ParseSettings(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return link.Settings{}, err
	}
	first, err := wanted.First(func(key []byte) { _, _ = rand.Read(key) }) // rand.Read never fails
	if err != nil {
		return link.Settings{}, err
	}
	return first, safefile.Replace(path, "{", func(w io.Writer) error {
		_, err := w.Write(first.Encode())
		return err
	})
}

// open opens all partitions.
func (e *Engine) open(settings link.Settings) ([]*partition, error) {
	share := e.cfg.MaxBytes / int64(settings.Partitions)
	if share < leastShare {
		return nil, fmt.Errorf("%d bytes of disk space are too few for %d partitions: each partition needs at least %d bytes", e.cfg.MaxBytes, settings.Partitions, leastShare)
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
				_ = open.log.Close() // the error is ignored, because err is returned
			}
			return nil, err
		}
	}
	return all, nil
}

// syncAll syncs all data to disk once in each FsyncEvery.
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

// Partition returns a partition. Call it after Join.
func (e *Engine) Partition(p int) link.Partition { return e.partitions[p] }

// Members returns Members that want all partitions.
func (e *Engine) Members() link.Members { return members{len(e.partitions)} }

// Sender returns a Sender for an edge in this process. Call it after Join.
func (e *Engine) Sender() link.Sender { return local{e} }

// Close closes all connections, syncs all data to disk, and unlocks the directory.
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

// store stores a message. It returns the code of the answer to the edge.
func (e *Engine) store(p uint32, data []byte) (code byte, err error) {
	if uint64(p) >= uint64(len(e.partitions)) {
		return codeRefused, fmt.Errorf("partition %d does not exist: the cluster has %d partitions", p, len(e.partitions))
	}
	if len(data) == 0 || len(data) > maxMessage {
		return codeRefused, fmt.Errorf("the message has %d bytes, and 1 to %d are allowed", len(data), maxMessage)
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

// local is the Sender of an edge in the same process.
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
