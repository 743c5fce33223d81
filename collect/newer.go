package collect

import (
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
)

// While a cluster is upgraded, owners of the old version may receive messages of new edges. An old
// owner cannot decode these messages, so it leaves them in the Inbox and lists them in Head.Held.
// The next owner that can decode them merges them as late messages.

// maxNewer is the maximum number of messages of a newer version that wait in a partition.
const maxNewer = 1 << 16

// holdNewer records a message that only a newer version of the program can decode. It returns false
// if the message is not of this kind. The parameter err is the error of partial.Open.
func (p *partition) holdNewer(e *link.Entry, err error) bool {
	version, ok := errors.AsType[*partial.VersionError](err)
	if !ok || !version.Newer() || len(p.newer) >= maxNewer {
		return false
	}
	p.newer[e.Seq] = e.Stored
	p.tell(e, err, "a message waits until this owner is upgraded")
	return true
}

// dropNewer drops and counts the messages of a newer version that have waited longer than the
// horizon.
func (p *partition) dropNewer(now time.Time) {
	for seq, stored := range p.newer {
		if now.Sub(stored) > p.cfg.Settings.Horizon {
			delete(p.newer, seq)
			p.head.Counts.Damaged++
		}
	}
}

// unread returns an error if messages wait for a newer version of the program.
func (p *partition) unread() error {
	if len(p.newer) == 0 {
		return nil
	}
	return fmt.Errorf("%d messages have a newer version of the format: upgrade this owner", len(p.newer))
}

// tell logs a warning about a message from the Inbox. It logs at most one warning a minute.
func (p *partition) tell(e *link.Entry, err error, text string) {
	if now := time.Now(); now.Sub(p.told) > time.Minute {
		p.told = now
		p.log.Warn().Err(err).Uint64("number", e.Seq).Msg(text)
	}
}
