package client

// named returns the series of a name that says it all, if it can be found
// without the lock, or nil.
func (a *aggregator) named(k kind, name string) *series { return a.known.Load().plain[k][name] }

// scoped is named for a name that does not say it all.
func (a *aggregator) scoped(c *Client, k kind, name string, tags []string) *series {
	if size(name, tags) > maxText {
		return nil
	}
	var scratch [96]byte
	key := appendKey(scratch[:0], c, &sample{kind: k, name: name, tags: tags})
	return a.known.Load().scoped[k][string(key)]
}

// again and memberAgain merge what most calls in most programs give: another
// sample of a known name that says it all. They report false if that is not so.

func (a *aggregator) again(k kind, name string, v value) bool {
	known := a.known.Load()
	sr := known.plain[k][name]
	if sr == nil {
		return false
	}
	var scratch [32]byte
	text := a.text(scratch[:0], k, v)
	a.mu.Lock()
	merged := a.live.known == known && a.merge(sr, v, text)
	a.mu.Unlock()
	return merged
}

func (a *aggregator) memberAgain(name, member string) (merged bool) {
	known := a.known.Load()
	sr := known.plain[set][name]
	if sr == nil {
		return false
	}
	a.mu.Lock()
	if a.live.known == known {
		_, merged = sr.members[member]
	}
	a.mu.Unlock()
	return merged
}
