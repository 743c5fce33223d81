package sink

// Refused is an error of Send that is final: the receiver will never take this payload.
// It is dropped and counted, and the next one is sent.
type Refused struct{ Err error }

func (e *Refused) Error() string { return e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Unconfirmed is an error of Send after the receiver's kernel has acknowledged every byte: the
// connection was reset before the receiver confirmed the payload. The receiver may have read it or not, so
// it is offered again. A proxy whose server is down ends connections so, and a
// receiver that never closes them in order.
type Unconfirmed struct{ Err error }

func (e *Unconfirmed) Error() string { return e.Err.Error() }
func (e *Unconfirmed) Unwrap() error { return e.Err }
