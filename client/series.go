package client

// series is the samples of one name, tags and rate, merged.
type series struct {
	kind       kind
	in         map[string]*series // where the table has it
	key        string             // under this
	head, tail string             // as encoded by the client that met it first
	used       bool               // since the last drain
	forgotten  bool               // the table has it no more, though a handle may

	n       int64               // counter: the sum
	v       value               // gauge: the value, or the sum of the adjustments
	values  []byte              // timer, histogram, distribution: "1:2:3"
	members map[string]struct{} // set: encoded
}

// count adds n to a counter, if the sum is not too large.
func (sr *series) count(n int64) bool {
	sum := sr.n + n
	if (sum^sr.n)&(sum^n) < 0 {
		return false
	}
	sr.n = sum
	return true
}

// put queues the lines of a series.
func (q *queue) put(sr *series) {
	if sr.kind == set {
		for member := range sr.members {
			b := append(append(q.begin(), sr.head...), member...)
			q.commit(append(b, sr.tail...), 1)
		}
		return
	}
	if sr.kind == gauge && !sr.v.valid() { // adjustments can add up to infinity
		q.refuse()
		return
	}
	b := q.begin()
	lines := 1
	if sr.kind == gauge && sr.v.negative() {
		b = append(append(append(b, sr.head...), '0'), sr.tail...)
		lines = 2
	}
	b = append(b, sr.head...)
	switch sr.kind {
	case counter:
		b = appendInt(b, sr.n)
	case gauge:
		b = sr.v.appendTo(b, false)
	default:
		b = append(b, sr.values...)
	}
	q.commit(append(b, sr.tail...), lines)
}
