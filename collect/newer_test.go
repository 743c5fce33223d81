package collect

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/partial"
)

// setVersion changes the version of a message's format, and its checksum.
func setVersion(message []byte, version byte) {
	message[2] = version
	end := len(message) - crc32.Size
	binary.LittleEndian.PutUint32(message[end:], crc32.Checksum(message[:end], castagnoli))
}

// upgrade changes all waiting messages to the version that this program decodes. For owners this
// looks like an upgrade of the program.
func (w *world) upgrade() {
	w.engine.Rewrite(func(message []byte) {
		if message[2] == partial.Version+1 {
			setVersion(message, partial.Version)
		}
	})
}

// faults returns the faults in the status of the member's partitions.
func (m *member) faults() (all string) {
	for _, st := range m.owner.Partitions() {
		if st.Fault != nil {
			all += st.Fault.Error() + "\n"
		}
	}
	return all
}

// A newer edge loses nothing: its messages wait until the owner is upgraded. Data of other edges is
// published as usual. If another owner of the old version takes over the partition, the messages
// continue to wait.
func TestNewerEdge(t *testing.T) {
	run(t, 11, func(w *world) {
		w.addEdges(3)
		old := w.addMember()
		old.want(w.all()...)
		w.window(20)
		w.edges[1].start(w.settings.Partitions)
		w.edges[1].newer = true
		for range 15 {
			w.window(20)
		}
		time.Sleep(interval / 2)
		if said := old.faults(); !strings.Contains(said, "15 messages have a newer version of the format: upgrade this owner") {
			t.Errorf("the owner says %q", said)
		}
		old.kill()
		old.wanted = nil
		second := w.addMember()
		second.want(w.all()...)
		for range 15 {
			w.window(20)
		}
		w.checkWaiting(25)

		time.Sleep(interval / 2)
		second.kill()
		w.upgrade()
		w.edges[1].newer = false
		upgraded := w.addMember()
		upgraded.want(w.all()...)
		w.window(20)
		w.settle()
		w.check()
		if sum := w.ledger(); sum.Damaged+sum.Late+sum.Missing > 0 || sum.Corrected == 0 {
			t.Errorf("%+v", sum)
		}
		if said := upgraded.faults(); said != "" {
			t.Errorf("the upgraded owner says %q", said)
		}
	})
}

// Messages that no owner can decode within the horizon are counted and dropped.
func TestNewerTooLong(t *testing.T) {
	run(t, 12, func(w *world) {
		w.addEdges(2)
		w.addMember().want(w.all()...)
		w.window(20)
		w.edges[1].newer = true
		w.windowOf(w.edges[1], 20, false)
		w.edges[1].newer = false
		time.Sleep(w.settings.Horizon)
		w.window(20)
		w.settle()
		w.samples -= 20 // these samples are in messages that the owner cannot decode, so it does not count them
		if sum := w.ledger(); sum.Damaged != uint64(w.settings.Partitions) {
			t.Errorf("%+v", sum)
		}
		for p := range w.settings.Partitions {
			var h Head
			if _, err := (&codec{}).decodeHead(w.engine.Head(p).Record, &h); err != nil || len(h.Held) > 0 {
				t.Errorf("partition %d holds %v: %v", p, h.Held, err)
			}
		}
	})
}

// checkWaiting checks that at least this number of messages wait in each partition. No message may be counted as
// damaged or late.
func (w *world) checkWaiting(least int) {
	w.t.Helper()
	for p := range w.settings.Partitions {
		var h Head
		if _, err := (&codec{}).decodeHead(w.engine.Head(p).Record, &h); err != nil || h.Counts.Damaged+h.Counts.Late > 0 || len(h.Held) < least {
			w.t.Errorf("partition %d holds %d messages, %+v: %v", p, len(h.Held), h.Counts, err)
		}
	}
}
