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
	index   int                       // of the aggregator's two
	plain   [kinds]map[string]*series // by name, where that says it all
	scoped  [kinds]map[string]*series // by appendKey
	order   []*series                 // lines leave in the order in which names came
	members int
}

func newTable(index int) table {
	t := table{index: index}
	for k := range kinds {
		t.plain[k] = make(map[string]*series)
		t.scoped[k] = make(map[string]*series)
	}
	return t
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
	sr.used = true
	return true
}

// drain queues the table's lines, empties its series and forgets those that
// were empty before.
func (t *table) drain(q *queue) {
	kept := t.order[:0]
	for _, sr := range t.order {
		if !sr.used {
			delete(sr.in, sr.key)
			sr.forgotten = true
			continue
		}
		q.put(sr)
		sr.used = false
		sr.n = 0
		sr.values = sr.values[:0]
		clear(sr.members)
		kept = append(kept, sr)
	}
	clear(t.order[len(kept):])
	t.order = kept
	t.members = 0
}
