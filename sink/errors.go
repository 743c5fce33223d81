package sink

// Refused is a final error of Send: the receiver will never take this payload. It is dropped and
// counted, and the next one is sent.
type Refused struct{ Err error }

func (e *Refused) Error() string { return e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Unconfirmed is an error of Send: the receiver's kernel acknowledged every byte, but the
// connection was reset before the receiver confirmed the payload. The receiver may or may not have
// read it, so it is sent again. A proxy whose server is down closes connections this way. So does a
// receiver that never closes them properly.
type Unconfirmed struct{ Err error }

func (e *Unconfirmed) Error() string { return e.Err.Error() }
func (e *Unconfirmed) Unwrap() error { return e.Err }
