package probe

import "math"

// A rate is an estimate: the number of samples looked at, multiplied by of/seen. Its error depends on how much the
// counts of batches differ from each other. The error is three times the standard error of the estimate, so the true
// rate is nearly always within it. The error is 0 if everything was looked at.
const errorsWide = 3

// batches holds the sums over all batches that were looked at.
type batches struct {
	n       int
	samples float64 // the sum of their sizes
	squares float64 // the sum of the squares of their sizes
}

// counts collects, for each row, the differences of its counts between batches.
type counts struct {
	batches
	rows    []spread // by place
	touched []int32  // places counted in the running batch
}

// spread holds the sums of one row. x is the count of the row in a batch, n is the size of the batch.
type spread struct {
	in      int32   // x of the running batch
	squares float64 // the sum of x*x
	cross   float64 // the sum of x*n
	sum     float64 // the sum of x
}

// add counts a sample of the row at a place. fresh says that the place belonged to another row
// before.
func (c *counts) add(place int, fresh bool) {
	if place == len(c.rows) {
		c.rows = append(c.rows, spread{})
	}
	r := &c.rows[place]
	listed := r.in > 0
	if fresh {
		*r = spread{}
	}
	if r.in++; !listed {
		c.touched = append(c.touched, int32(place))
	}
}

func (c *counts) endBatch(samples int) {
	n := float64(samples)
	for _, place := range c.touched {
		r := &c.rows[place]
		x := float64(r.in)
		r.sum, r.squares, r.cross, r.in = r.sum+x, r.squares+x*x, r.cross+x*n, 0
	}
	c.touched = c.touched[:0]
	c.n++
	c.samples, c.squares = c.samples+n, c.squares+n*n
}

// once returns, for names that were in only one batch, the average number of samples in that batch.
func (c *counts) once() float64 {
	sum, squares := 1.0, 1.0
	for i := range c.rows {
		if r := &c.rows[i]; r.squares == r.sum*r.sum {
			sum, squares = sum+r.sum, squares+r.squares
		}
	}
	return squares / sum
}

// estimate is an estimated number of samples, with its error.
type estimate struct {
	value, variance float64
	bias            float64 // possible error of the value because tables were full
	floor           float64 // upper bound of the row's samples in lanes whose tables lack the row
}

// estimate estimates the number of received samples of the row at a place. count is the row's count, which may be too
// high by over. of is the number of all received samples.
func (c *counts) estimate(place int, count, over uint64, of uint64) estimate {
	if c.samples == 0 {
		return estimate{}
	}
	scale := float64(of) / c.samples
	r := &c.rows[place]
	// The sum of (x - share*n)², where share is the row's share of all samples.
	share := r.sum / c.samples
	differences := max(r.squares-2*share*r.cross+share*share*c.squares, 0)
	n := float64(c.n)
	if c.n > 1 {
		differences *= n / (n - 1)
	} else {
		differences = r.squares
	}
	return estimate{
		value:    float64(count) * scale,
		variance: differences * scale * scale * max(1-1/scale, 0),
		bias:     float64(over) * scale,
	}
}

func (e *estimate) add(o estimate) {
	e.value, e.variance = e.value+o.value, e.variance+o.variance
	e.bias, e.floor = e.bias+o.bias, e.floor+o.floor
}

// either returns the possible error of the value, plus or minus.
func (e *estimate) either() float64 { return errorsWide*math.Sqrt(e.variance) + e.bias }
