package client

// A table holds at most so many series, and all its sets so many members, none
// with a longer text. What finds no room goes to the queue unmerged.
const (
	maxSeries  = 4096
	maxMembers = 65536
	maxText    = 512
)

// table is the series of one interval.
type table struct {
	known   *names    // as of the last drain; never changed, so found without a lock
	fresh   names     // new since
	order   []*series // lines leave in the order in which names came
	changed bool      // order is not what known has
	members int
}

// names finds series.
type names struct {
	index  int                       // of the table, of the aggregator's two
	plain  [kinds]map[string]*series // by name, where that says it all
	scoped [kinds]map[string]*series // by appendKey
}

func newTable(index int) *table {
	return &table{known: newNames(index, nil), fresh: *newNames(index, nil)}
}

func newNames(index int, of []*series) *names {
	n := &names{index: index}
	for k := range kinds {
		n.plain[k] = make(map[string]*series)
		n.scoped[k] = make(map[string]*series)
	}
	for _, sr := range of {
		n.put(sr)
	}
	return n
}

func (n *names) put(sr *series) {
	if sr.scoped {
		n.scoped[sr.kind][sr.key] = sr
	} else {
		n.plain[sr.kind][sr.key] = sr
	}
}

// find returns the series of a name, or of a key if there is one, or nil.
func (n *names) find(k kind, name string, key []byte) *series {
	if key == nil {
		return n.plain[k][name]
	}
	return n.scoped[k][string(key)]
}

func (t *table) find(k kind, name string, key []byte) *series {
	if sr := t.known.find(k, name, key); sr != nil {
		return sr
	}
	return t.fresh.find(k, name, key)
}

func (t *table) insert(sr *series) {
	t.order = append(t.order, sr)
	t.fresh.put(sr)
	t.changed = true
}

func (t *table) addMember(sr *series, member []byte) bool {
	if _, ok := sr.members[string(member)]; ok {
		return true
	}
	if t.members == maxMembers || len(member) > maxText {
		return false
	}
	if sr.members == nil {
		sr.members = make(map[string]struct{})
	}
	sr.members[string(member)] = struct{}{}
	t.members++
	return true
}

// drain queues the table's lines, empties its series and forgets those that
// were empty before.
func (t *table) drain(co *core) {
	kept := t.order[:0]
	for _, sr := range t.order {
		if co.emit(sr) {
			kept = append(kept, sr)
		} else {
			sr.forgotten = true
			t.changed = true
		}
	}
	clear(t.order[len(kept):])
	t.order = kept
	t.members = 0
	if t.changed {
		t.changed = false
		t.known, t.fresh = newNames(t.known.index, kept), *newNames(t.known.index, nil)
	}
}
