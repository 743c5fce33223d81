package server

import (
	"slices"
	"sync"
)

// collided keeps the last paths that two kinds of metric published.
type collided struct {
	mu    sync.Mutex
	paths []string
}

// maxCollided limits the paths kept.
const maxCollided = 20

func (c *collided) keep(paths []string) {
	if len(paths) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, paths...)
	c.paths = slices.Delete(c.paths, 0, max(0, len(c.paths)-maxCollided))
}

func (c *collided) last() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.paths)
}
