package probe

import (
	"math"
	"time"
)

const (
	// paceWindow is how often k is set. It is set earlier when looking costs too much.
	paceWindow = 100 * time.Millisecond
	// maxShare is the part of a lane's work that the measured cost of looking may take. Looking also
	// costs what is not measured, such as reading the clock, and all of it is at most 5 %.
	maxShare = 0.04
	// idleShare is the part of the time that looking may cost in any case: a lane with little work can
	// show all of it.
	idleShare = 0.001
	// paceSlack is how much looking may cost beyond its share before k is set early.
	paceSlack = 50 * time.Microsecond
	// maxEvery is the greatest k.
	maxEvery = 1024
	// The work of a batch takes at most pauseAbove, plus pauseSample for each sample. More time is a
	// pause, in which the goroutine waited for a CPU. It does not count as work.
	pauseAbove  = 20 * time.Microsecond
	pauseSample = 2 * time.Microsecond
)

// pace decides which batches of a lane are looked at: one in k, at random, so that no rhythm of the
// traffic can hide from it.
type pace struct {
	every  int // k
	wait   int // batches to pass over
	random uint64

	since      time.Time // of the counts
	batches    int
	looked     int
	work, cost time.Duration // of the batches looked at: the work without looking, and the cost of looking
	// The means of the last window that looked at something.
	meanWork, meanCost float64
}

func newPace(now time.Time, seed uint64) pace {
	return pace{every: 1, since: now, random: seed | 1}
}

// begin reports whether to look at the next batch.
func (p *pace) begin(now time.Time) bool {
	if now.Sub(p.since) >= paceWindow {
		p.set(now)
	}
	p.batches++
	if p.wait > 0 {
		p.wait--
		return false
	}
	p.wait = p.between()
	return true
}

// between returns how many batches to pass over: 0 to 2(k-1), so k-1 on average.
func (p *pace) between() int {
	// xorshift64
	p.random ^= p.random << 13
	p.random ^= p.random >> 7
	p.random ^= p.random << 17
	return int(p.random>>33) % (2*p.every - 1)
}

// end takes the costs of a batch that was looked at: the work without looking, and the looking.
func (p *pace) end(now time.Time, samples int, work, cost time.Duration) {
	p.looked++
	p.work += min(work, pauseAbove+time.Duration(samples)*pauseSample)
	p.cost += cost
	allowed := maxShare*float64(p.work)*float64(p.every) + idleShare*float64(now.Sub(p.since))
	if float64(p.cost) > allowed+float64(paceSlack) {
		p.set(now)
	}
}

// set sets k from the costs since the last time.
func (p *pace) set(now time.Time) {
	if p.looked > 0 {
		p.meanWork, p.meanCost = float64(p.work)/float64(p.looked), float64(p.cost)/float64(p.looked)
	}
	if p.batches > 0 && p.meanCost > 0 {
		between := float64(now.Sub(p.since)) / float64(p.batches)
		allowed := max(maxShare*p.meanWork, idleShare*between, 1)
		p.every = int(min(math.Ceil(p.meanCost/allowed), maxEvery))
		p.wait = min(p.wait, 2*(p.every-1))
	}
	p.since, p.batches, p.looked, p.work, p.cost = now, 0, 0, 0, 0
}
