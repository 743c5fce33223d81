package probe

import (
	"math"
	"time"
)

const (
	// paceWindow is how often k is set. If looking costs too much, k is set earlier.
	paceWindow = 100 * time.Millisecond
	// maxShare limits the measured cost of looking, as a fraction of the lane's work. Some costs are not measured, such
	// as reading the clock. All costs together are at most 5 %.
	maxShare = 0.04
	// idleShare is the fraction of time that looking may always cost. So a lane with little work can show all of it.
	idleShare = 0.001
	// If looking costs more than its share by paceSlack, k is set early.
	paceSlack = 50 * time.Microsecond
	// maxEvery is the greatest k.
	maxEvery = 1024
	// The work of a batch takes at most pauseAbove, plus pauseSample for each sample. More time is a
	// pause, in which the goroutine waited for a CPU. It does not count as work.
	pauseAbove  = 20 * time.Microsecond
	pauseSample = 2 * time.Microsecond
)

// pace decides which batches of a lane are looked at: one in k, at random, so that regular patterns in the traffic
// cannot distort the result.
type pace struct {
	every  int // k
	wait   int // batches to pass over
	random uint64

	since      time.Time // start of the counts
	batches    int
	looked     int
	work, cost time.Duration // sums for the batches looked at: the work without looking, and the cost of looking
	// The means of the last window in which a batch was looked at.
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

// between returns the number of batches to skip: 0 to 2(k-1), so k-1 on average.
func (p *pace) between() int {
	// xorshift64
	p.random ^= p.random << 13
	p.random ^= p.random >> 7
	p.random ^= p.random << 17
	return int(p.random>>33) % (2*p.every - 1)
}

// end adds the costs of a batch that was looked at: the work without looking, and the cost of looking.
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
