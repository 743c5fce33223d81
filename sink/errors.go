package sink

import "time"

// Refused is a permanent error of Send: the receiver will never accept some units of the payload. These units are
// dropped and counted, and the payload is not sent again. The receiver has accepted all other units.
type Refused struct {
	Err error
	// Units is the number of refused points or rows. 0 means that the whole payload was refused.
	Units int
}

func (e *Refused) Error() string { return e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Later is an error of Send: the receiver asks the daemon to wait before it sends again.
type Later struct {
	Err   error
	After time.Duration // times above MaxLater are reduced to MaxLater
}

// MaxLater is the maximum time for which a receiver can make the daemon wait.
const MaxLater = 5 * time.Minute

func (e *Later) Error() string { return e.Err.Error() }
func (e *Later) Unwrap() error { return e.Err }

// Unconfirmed is an error of Send: the receiver's kernel acknowledged every byte, but the connection was reset
// before the receiver confirmed the payload. It is unknown whether the receiver has read the payload, so the
// payload is sent again. A typical cause is a proxy whose server is down. Another cause is a receiver that always
// closes connections with a reset.
type Unconfirmed struct{ Err error }

func (e *Unconfirmed) Error() string { return e.Err.Error() }
func (e *Unconfirmed) Unwrap() error { return e.Err }
