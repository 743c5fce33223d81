package client

// A series stores up to maxValues values. When a series is full, its values are moved to a batch. Encoding is slow, so
// the sender encodes the batch. If maxFull batches are already waiting for the sender, the caller encodes its own
// batch. With Config.Block, the caller cannot do this: if the queue is full, it would have to wait while it holds the
// lock. So it then sends each further value without merging, in its own line.
const (
	maxValues = 64
	maxFull   = 1024
)

// batch contains maxValues values of one series.
type batch struct {
	series *series
	values []uint64
}

// keep adds a value to a series of a type that stores all values.
func (a *aggregator) keep(sr *series, bits uint64) bool {
	if len(sr.values) == maxValues {
		switch {
		case len(a.full) < maxFull:
			a.handOver(sr)
		case a.core.queue.block.on:
			return false
		default:
			a.core.emitValues(sr, sr.values)
			sr.values = sr.values[:0]
		}
	}
	sr.values = append(sr.values, bits)
	return true
}

// handOver moves the values of sr to a batch.
func (a *aggregator) handOver(sr *series) {
	a.full = append(a.full, batch{sr, sr.values})
	if last := len(a.free) - 1; last >= 0 {
		sr.values, a.free = a.free[last], a.free[:last]
	} else {
		sr.values = make([]uint64, 0, maxValues)
	}
	if len(a.full) > maxFull/2 {
		signal(a.core.queue.wake)
	}
}

// emitFull queues all batches. If the queue has little room, it stops early and returns false.
func (a *aggregator) emitFull() bool {
	if len(a.taken) == 0 {
		a.mu.Lock()
		a.full, a.taken = a.taken, a.full
		a.mu.Unlock()
	}
	for ; a.encoded < len(a.taken); a.encoded++ {
		if a.core.queue.crowded() {
			return false
		}
		full := a.taken[a.encoded]
		a.core.emitValues(full.series, full.values)
		a.mu.Lock()
		a.free = append(a.free, full.values[:0])
		a.mu.Unlock()
	}
	clear(a.taken)
	a.taken, a.encoded = a.taken[:0], 0
	return true
}

// emitValues queues values in as few lines as possible.
func (co *core) emitValues(sr *series, values []uint64) {
	form := formDecimal
	if sr.kind == timer {
		form = formMillis
	}
	var scratch [1500]byte
	b := append(scratch[:0], sr.head...)
	samples := 0
	for _, bits := range values {
		end := len(b)
		b = append(value{form, bits}.appendTo(b, co.python), ':')
		if len(b)-1+len(sr.tail) > co.queue.maxLine && end > len(sr.head) {
			co.emitLine(b[:end-1], sr.tail, samples)
			samples = 0
			b = b[:len(sr.head)+copy(b[len(sr.head):], b[end:])]
		}
		samples++
	}
	co.emitLine(b[:len(b)-1], sr.tail, samples)
}

func (co *core) emitLine(text []byte, tail string, samples int) {
	if b, p := co.queue.beginMerged(len(text)+len(tail), 1, samples); p != nil {
		_ = append(append(b, text...), tail...)
		co.queue.commit(p, 1)
	}
}
