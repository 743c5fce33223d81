package sink

import "time"

// Refused is a final error of Send: the receiver will never take some units of this payload. They are
// dropped and counted, and the next payload is sent. The receiver has accepted the other units.
type Refused struct {
	Err error
	// Units is the number of points or rows that are refused. 0 means all of the payload.
	Units int
}

func (e *Refused) Error() string { return e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Later is an error of Send: the receiver has said when to send again.
type Later struct {
	Err   error
	After time.Duration // longer pauses are cut to MaxLater
}

// MaxLater is the longest pause that a receiver can ask for.
const MaxLater = 5 * time.Minute

func (e *Later) Error() string { return e.Err.Error() }
func (e *Later) Unwrap() error { return e.Err }

// Unconfirmed is an error of Send: the receiver's kernel acknowledged every byte, but the connection was reset before
// the receiver confirmed the payload. The receiver may or may not have read the payload, so it is sent again. A proxy
// whose server is down closes connections this way, and so does a receiver that never closes connections properly.
type Unconfirmed struct{ Err error }

func (e *Unconfirmed) Error() string { return e.Err.Error() }
func (e *Unconfirmed) Unwrap() error { return e.Err }
