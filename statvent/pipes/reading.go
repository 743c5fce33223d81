package pipes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// reading is one call of Reader.Read. Each owner of files has a share of the reading: of the pipes that are open
// at the same time, and of the bytes. Many files of one user can therefore delay only the files of this user.
type reading struct {
	reader   *Reader
	deadline time.Time
	bytes    budget
	slots    chan struct{} // has an element for each open pipe

	mu     sync.Mutex
	result Result
}

// budget is the number of bytes that may still be read. An owner may use at most half of the bytes that the
// other owners have left.
type budget struct {
	mu    sync.Mutex
	left  int
	taken map[uint32]int // number of bytes read from the files of each owner
}

// take counts n bytes as read from the files of an owner. It returns false if the owner has used up
// its share.
func (b *budget) take(owner uint32, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken[owner]+n > b.left-n {
		return false
	}
	b.left -= n
	b.taken[owner] += n
	return true
}

// list returns the relevant files in the directory, without duplicates. If there are too many files, it returns
// some of them and all pipes of running processes.
func (g *reading) list() ([]string, error) {
	names, err := readNames(g.reader.dir(), maxEntries+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(names) > maxEntries {
		g.add(finding{err: fmt.Errorf("%s has more than %d files: only the pipes of running processes and a part of the other files are read", g.reader.dir(), maxEntries)})
		running, err := readNames("/proc", -1)
		if err != nil {
			return nil, err
		}
		for _, name := range running {
			if _, ok := pidOf(name, ""); ok {
				names = append(names, name+".stats")
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, ".stats") && !(strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".lock"))
	}), nil
}

// readNames returns the names of at most n files in a directory. If n is not positive, it returns all names.
func readNames(path string, n int) ([]string, error) {
	// If the path is a FIFO instead of a directory, opening it must not block.
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // nothing was written, so the error is ignored
	names, err := dir.Readdirnames(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

// readAll reads the files of all owners in parallel.
func (g *reading) readAll(ctx context.Context, names []string) {
	owners := g.byOwner(names)
	share := max(1, cap(g.slots)/max(1, len(owners)))
	var wg sync.WaitGroup
	for owner, names := range owners {
		wg.Go(func() { g.readOwner(ctx, owner, names, share) })
	}
	wg.Wait()
}

// byOwner returns the files of each owner, in random order. Files that are not read in one reading because of the
// time limit may be read in the next.
func (g *reading) byOwner(names []string) map[uint32][]string {
	owners := make(map[uint32][]string)
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(g.reader.dir(), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the process has no pipe, or the pipe was removed
		}
		if err != nil {
			g.add(finding{err: fmt.Errorf("refused %s: %w", name, err)})
			continue
		}
		owner := info.Sys().(*syscall.Stat_t).Uid
		owners[owner] = append(owners[owner], name)
	}
	for names := range maps.Values(owners) {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	}
	return owners
}

// readOwner reads the files of one owner. The parameter share is the maximum number of files that
// are open at the same time.
func (g *reading) readOwner(ctx context.Context, owner uint32, names []string, share int) {
	ctx, cancel := context.WithDeadline(ctx, g.deadline)
	defer cancel()
	turns := make(chan struct{}, share)
	var wg sync.WaitGroup
	defer wg.Wait()
	for i, name := range names {
		if !g.enter(ctx, turns) || !g.enter(ctx, g.slots) {
			left := len(names) - i
			g.add(finding{left: left, err: fmt.Errorf("%d pipes of uid %d were not read, because reading all pipes of one uid may take only %v: %w", left, owner, 2*g.reader.timeout(), errTimeout)})
			return
		}
		p := pipe{reader: g.reader, name: name, owner: owner, bytes: &g.bytes, deadline: g.limit()}
		wg.Go(func() {
			g.add(p.read(ctx))
			<-g.slots
			<-turns
		})
	}
}

// enter waits for a slot. If ctx ends or the deadline is reached before a slot is free, it returns
// false.
func (g *reading) enter(ctx context.Context, places chan<- struct{}) bool {
	select {
	case places <- struct{}{}:
		// The context may have ended at the same time as a slot became free.
		return ctx.Err() == nil && time.Now().Before(g.deadline)
	case <-ctx.Done():
		return false
	}
}

// limit returns the time limit for a pipe that is opened now.
func (g *reading) limit() time.Time {
	if limit := time.Now().Add(g.reader.timeout()); limit.Before(g.deadline) {
		return limit
	}
	return g.deadline
}

func (g *reading) add(f finding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.result.add(f)
}
