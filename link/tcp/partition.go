package tcp

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/spool"
)

// partition is a partition of a central daemon: a log of messages and a chain of commits.
type partition struct {
	*commits
	log *spool.Log
}

var _ link.Partition = (*partition)(nil)

// openPartition opens a partition. After a crash of the machine, messages that are part of a commit may
// be missing in the log. The numbers of these messages are not used again.
func openPartition(dir string, slots int64, cfg spool.LogConfig) (*partition, error) {
	c, next, err := openCommits(filepath.Join(dir, "commits"), slots)
	if err != nil {
		return nil, err
	}
	cfg.Dir, cfg.Next = filepath.Join(dir, "messages"), next
	log, err := spool.OpenLog(cfg)
	if err != nil {
		return nil, err
	}
	c.next = func() uint64 { return log.State().Next }
	return &partition{c, log}, nil
}

// sync syncs the commits before the log, because Log.Sync removes messages that are in these commits.
func (p *partition) sync() error {
	if err := p.commits.sync(); err != nil {
		return err
	}
	return p.log.Sync()
}

func (p *partition) close() error { return errors.Join(p.commits.sync(), p.log.Close()) }

func (p *partition) Read(_ context.Context, from uint64) (link.Reader, error) {
	return reader{p.log.Read(from)}, nil
}

func (p *partition) State(context.Context) (link.InboxState, error) {
	s := p.log.State()
	return link.InboxState{First: s.First, Last: s.Next - 1, Bytes: s.Bytes, MaxBytes: s.MaxBytes}, nil
}

func (p *partition) Trim(_ context.Context, below uint64) error {
	p.log.Trim(below)
	return nil
}

// reader reads messages. For a damaged message it returns an Entry without data.
type reader struct{ *spool.LogReader }

func (r reader) Next(ctx context.Context) (link.Entry, error) {
	m, err := r.LogReader.Next(ctx)
	return link.Entry{Seq: m.Number, Stored: m.Time, Data: m.Payload}, err
}

func (r reader) Close() error {
	r.LogReader.Close()
	return nil
}
