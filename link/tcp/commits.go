package tcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/link"
)

// A commit is a file that is replaced atomically. It has this format:
//
//	 0 magic    4 bytes
//	 4 version  uint64, little-endian like all numbers
//	12 slot     int64
//	20 next     uint64, the number of the next message when the commit was made
//	28 record   uint32, CRC-32C of the record
//	32 header   uint32, CRC-32C of the first 32 bytes
//	36 the record
const (
	commitHead  = 36
	commitMagic = "\xd5SC\x01"
	commitLimit = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// commits is the chain of commits of a partition. The commits of windows are in a ring of files.
// Each of these files is called a place. The commit with the slot TakeOver has its own file.
type commits struct {
	dir   string
	slots int64
	next  func() uint64 // returns the number of the next message

	mu      sync.Mutex
	head    commitHeader
	kept    map[int64]int64 // slot of the commit in each place
	unsaved map[string]bool // paths of files that are not synced to disk yet
}

type commitHeader struct {
	version link.Version
	slot    int64
	next    uint64
	sum     uint32 // CRC-32C of the record
}

// openCommits finds the head, which is the last commit. It also returns the largest value of the
// field next in all commits.
func openCommits(dir string, slots int64) (c *commits, next uint64, err error) {
	c = &commits{dir: dir, slots: slots, kept: make(map[int64]int64), unsaved: make(map[string]bool)}
	if err := safefile.Subdirectory(dir); err != nil {
		return nil, 0, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, file := range files {
		place, ok := c.placeOf(file.Name())
		if !ok {
			continue
		}
		h, _, err := c.read(place, place == link.TakeOver)
		if errors.Is(err, link.ErrNone) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		next = max(next, h.next)
		c.kept[place] = h.slot
		if h.version <= c.head.version {
			continue
		}
		if _, _, err := c.read(place, true); err == nil { // a commit can be damaged after a crash of the machine
			c.head = h
		}
	}
	return c, next, nil
}

// place returns the place of a slot.
func (c *commits) place(slot int64) int64 {
	if slot == link.TakeOver {
		return link.TakeOver
	}
	return slot % c.slots
}

const windowPrefix = "window-"

func (c *commits) path(place int64) string {
	if place == link.TakeOver {
		return filepath.Join(c.dir, "take-over")
	}
	return filepath.Join(c.dir, windowPrefix+strconv.FormatInt(place, 10))
}

// placeOf returns the place of a file in the directory. It returns false for other files.
func (c *commits) placeOf(name string) (place int64, ok bool) {
	place = link.TakeOver
	if number, window := strings.CutPrefix(name, windowPrefix); window {
		var err error
		if place, err = strconv.ParseInt(number, 10, 64); err != nil || place < 0 || place >= c.slots {
			return 0, false
		}
	}
	return place, name == filepath.Base(c.path(place))
}

// read reads the commit in a place, or only its header. It returns ErrNone if there is no commit in the place, or if
// the commit is damaged. A damaged commit is lost: late data can no longer be added to its values.
func (c *commits) read(place int64, whole bool) (commitHeader, []byte, error) {
	file, err := safefile.Open(c.path(place), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return commitHeader{}, nil, link.ErrNone
	}
	if err != nil {
		return commitHeader{}, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return commitHeader{}, nil, err
	}
	size := min(info.Size(), commitHead)
	if whole && info.Size() <= commitLimit {
		size = info.Size()
	}
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil {
		return commitHeader{}, nil, fmt.Errorf("read %s: %w", file.Name(), err)
	}
	h, ok := parseCommit(data)
	if !ok || whole && crc32.Checksum(data[commitHead:], castagnoli) != h.sum {
		return commitHeader{}, nil, fmt.Errorf("%w: %s is damaged", link.ErrNone, file.Name())
	}
	return h, data[commitHead:], nil
}

func parseCommit(data []byte) (h commitHeader, ok bool) {
	if len(data) < commitHead || string(data[:4]) != commitMagic || crc32.Checksum(data[:32], castagnoli) != binary.LittleEndian.Uint32(data[32:]) {
		return h, false
	}
	return commitHeader{
		version: link.Version(binary.LittleEndian.Uint64(data[4:])),
		slot:    int64(binary.LittleEndian.Uint64(data[12:])),
		next:    binary.LittleEndian.Uint64(data[20:]),
		sum:     binary.LittleEndian.Uint32(data[28:]),
	}, true
}

func appendCommit(dst []byte, h commitHeader, record []byte) []byte {
	start := len(dst)
	dst = append(dst, commitMagic...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.version))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.slot))
	dst = binary.LittleEndian.AppendUint64(dst, h.next)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(record, castagnoli))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, record...)
}

// Head returns the last commit.
func (c *commits) Head(context.Context) (link.Commit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head.version == 0 {
		return link.Commit{}, nil
	}
	head, err := c.at(c.head.slot)
	if err != nil {
		// The error must not wrap ErrNone, because there is a commit.
		return link.Commit{}, fmt.Errorf("the last commit in %s cannot be read: %s", c.dir, err.Error())
	}
	return head, nil
}

// At returns the last commit of a slot.
func (c *commits) At(_ context.Context, slot int64) (link.Commit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot < link.TakeOver {
		return link.Commit{}, link.ErrNone
	}
	return c.at(slot)
}

func (c *commits) at(slot int64) (link.Commit, error) {
	h, record, err := c.read(c.place(slot), true)
	if err == nil && h.slot != slot {
		err = link.ErrNone
	}
	if err != nil {
		return link.Commit{}, err
	}
	return link.Commit{Version: h.version, Slot: slot, Record: record}, nil
}

// Append appends a commit if the parameter after is the version of the head.
func (c *commits) Append(_ context.Context, after link.Version, slot int64, record []byte) (link.Version, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if after != c.head.version {
		return 0, link.ErrFenced
	}
	place := c.place(slot)
	if newer, ok := c.kept[place]; slot < link.TakeOver || ok && newer > slot {
		return 0, fmt.Errorf("cannot store the commit of interval %d in %s: the commit of a newer interval is already stored in its place", slot, c.dir)
	}
	if len(record) > commitLimit-commitHead {
		return 0, fmt.Errorf("cannot store the commit of interval %d in %s: the commit is too large (%d bytes)", slot, c.dir, len(record))
	}
	h := commitHeader{version: after + 1, slot: slot, next: c.next()}
	path := c.path(place)
	if err := replace(path, appendCommit(nil, h, record)); isFull(err) {
		return 0, fmt.Errorf("%w: %w", link.ErrFull, err)
	} else if err != nil {
		return 0, fmt.Errorf("cannot store the commit: %w", err)
	}
	c.head, c.kept[place], c.unsaved[path] = h, slot, true
	return h.version, nil
}

// replace replaces a file atomically. If the machine crashes before the next sync, the new content
// may be lost.
func replace(path string, data []byte) error {
	beside := path + ".new"
	file, err := safefile.Open(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside)) // free the space on the disk
	}
	return nil
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// sync writes all unsynced commits to disk.
func (c *commits) sync() error {
	c.mu.Lock()
	unsaved := c.unsaved
	c.unsaved = make(map[string]bool)
	c.mu.Unlock()
	if len(unsaved) == 0 {
		return nil
	}
	err := safefile.SyncDirectory(c.dir)
	for path := range unsaved {
		err = errors.Join(err, syncFile(path))
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		maps.Copy(c.unsaved, unsaved)
		return fmt.Errorf("cannot sync the commits: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	file, err := safefile.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another program has removed the file
	}
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
