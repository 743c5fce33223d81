package probe

import "math"

// A rate is an estimate: the rate of the examined samples, multiplied by the number of received samples for each
// examined sample. Its error depends on how much the counts of the examined batches vary. The reported error is three
// times the standard error of the estimate. The true rate nearly always differs from the estimate by less than the
// reported error. If all batches were examined, the error is 0.
const errorsWide = 3

// batches holds sums over all examined batches.
type batches struct {
	n       int
	samples float64 // sum of the batch sizes
	squares float64 // sum of the squares of the batch sizes
}

// counts measures, for each row, how much its count varies between batches.
type counts struct {
	batches
	rows    []spread // indexed by the number of the row's counter
	touched []int32  // indexes of the rows counted in the current batch
}

// spread holds sums for one row over all examined batches. x is the row's count in a batch, n is
// the size of the batch.
type spread struct {
	in      int32   // x of the current batch
	squares float64 // sum of x*x
	cross   float64 // sum of x*n
	sum     float64 // sum of x
}

// add counts a sample of a row. The parameter place is the index of the row's counter. The parameter fresh says that
// this counter belonged to another row before.
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

// once returns the average number of samples that a row has in a batch. It considers only the rows that were in exactly
// one batch.
func (c *counts) once() float64 {
	sum, squares := 1.0, 1.0
	for i := range c.rows {
		if r := &c.rows[i]; r.squares == r.sum*r.sum {
			sum, squares = sum+r.sum, squares+r.squares
		}
	}
	return squares / sum
}

// estimate is an estimated number of samples, with the measures of its error.
type estimate struct {
	value, variance float64
	bias            float64 // maximum error of value that the reuse of counters can cause
	floor           float64 // upper bound for the row's samples in the lanes that have no counter for the row
}

// estimate estimates the number of received samples of a row. The parameter place is the index of the row's counter.
// The parameter count is the row's count. It may be too high; the parameter over is the maximum error. The parameter of
// is the number of all received samples.
func (c *counts) estimate(place int, count, over uint64, of uint64) estimate {
	if c.samples == 0 {
		return estimate{}
	}
	scale := float64(of) / c.samples
	r := &c.rows[place]
	// differences is the sum of (x - share*n)² over all batches, where share is the row's share of all
	// samples.
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

// either returns the maximum error of the value in either direction.
func (e *estimate) either() float64 { return errorsWide*math.Sqrt(e.variance) + e.bias }
