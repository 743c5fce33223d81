package collect

import (
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
)

// While a cluster is upgraded, an old owner may get messages of new edges. It cannot read them, so it leaves
// them in the Inbox and in Head.Held. The next owner that can read them merges them, as late messages.

// maxNewer limits these messages of a partition.
const maxNewer = 1 << 16

// holdNewer holds a message that only a newer build can read. err is the error of partial.Open.
func (p *partition) holdNewer(e *link.Entry, err error) bool {
	version, ok := errors.AsType[*partial.VersionError](err)
	if !ok || !version.Newer() || len(p.newer) >= maxNewer {
		return false
	}
	p.newer[e.Seq] = e.Stored
	p.tell(e, err, "a message waits until this owner is upgraded")
	return true
}

// dropNewer counts the messages that have waited longer than any message may.
func (p *partition) dropNewer(now time.Time) {
	for seq, stored := range p.newer {
		if now.Sub(stored) > p.cfg.Settings.Horizon {
			delete(p.newer, seq)
			p.head.Counts.Damaged++
		}
	}
}

// unread returns an error if messages wait for a newer build.
func (p *partition) unread() error {
	if len(p.newer) == 0 {
		return nil
	}
	return fmt.Errorf("%d messages have a newer version of the format: upgrade this owner", len(p.newer))
}

// tell logs something about a message, at most once a minute.
func (p *partition) tell(e *link.Entry, err error, text string) {
	if now := time.Now(); now.Sub(p.told) > time.Minute {
		p.told = now
		p.log.Warn().Err(err).Uint64("number", e.Seq).Msg(text)
	}
}
