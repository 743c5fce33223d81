package probe

import (
	"math"
	"time"
)

const (
	// paceWindow is the time between two adjustments of pace.every. If examining costs too much, the adjustment
	// comes earlier.
	paceWindow = 100 * time.Millisecond
	// maxShare limits the measured cost of examining batches, as a fraction of the lane's work. Costs
	// that are not measured, such as reading the clock, come in addition. All costs together are at
	// most 5 %.
	maxShare = 0.04
	// idleShare is the fraction of time that examining may always use. So a lane with little work can
	// examine all batches.
	idleShare = 0.001
	// paceSlack is the tolerated excess cost. If the cost of examining exceeds its limit by more than
	// paceSlack, pace.every is adjusted before paceWindow ends.
	paceSlack = 50 * time.Microsecond
	// maxEvery is the maximum of pace.every.
	maxEvery = 1024
	// The work for a batch is at most pauseAbove plus pauseSample for each sample. If a batch took longer, the
	// goroutine probably waited for a CPU. The excess time is not counted as work.
	pauseAbove  = 20 * time.Microsecond
	pauseSample = 2 * time.Microsecond
)

// pace selects which batches of a lane are examined: one batch out of p.every, at random. With a random choice,
// regular patterns in the traffic do not distort the result.
type pace struct {
	every  int // one batch out of this many batches is examined
	wait   int // number of batches to skip
	random uint64

	since      time.Time // start of the current period
	batches    int
	looked     int
	work, cost time.Duration // sums over the examined batches in the current period: the work without examining, and the cost of examining
	// The means per batch, from the last period in which a batch was examined.
	meanWork, meanCost float64
}

func newPace(now time.Time, seed uint64) pace {
	return pace{every: 1, since: now, random: seed | 1}
}

// begin reports whether to examine the next batch.
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

// between returns a random number of batches to skip before the next examined batch. The number is
// p.every - 1 on average, and at most twice that.
func (p *pace) between() int {
	// The random numbers come from xorshift64.
	p.random ^= p.random << 13
	p.random ^= p.random >> 7
	p.random ^= p.random << 17
	return int(p.random>>33) % (2*p.every - 1)
}

// end adds the costs of an examined batch: the work without examining, and the cost of examining.
func (p *pace) end(now time.Time, samples int, work, cost time.Duration) {
	p.looked++
	p.work += min(work, pauseAbove+time.Duration(samples)*pauseSample)
	p.cost += cost
	allowed := maxShare*float64(p.work)*float64(p.every) + idleShare*float64(now.Sub(p.since))
	if float64(p.cost) > allowed+float64(paceSlack) {
		p.set(now)
	}
}

// set computes the field every from the costs in the current period, and starts the next period.
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
