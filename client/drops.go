package client

import "fmt"

// Drops counts, by cause, what will never be sent.
type Drops struct {
	QueueFull  uint64 // the queue had no room
	TooLong    uint64 // longer than Config.MaxPacketSize
	Invalid    uint64 // an empty name, member or type, or a value that is NaN or infinite
	Unsent     uint64 // the network refused the datagram, or Close ended first
	AfterClose uint64 // given after Close
}

// Total is the sum over all causes.
func (d Drops) Total() uint64 {
	return d.QueueFull + d.TooLong + d.Invalid + d.Unsent + d.AfterClose
}

func (d Drops) String() string {
	return fmt.Sprintf("queue full %d, too long %d, invalid %d, unsent %d, after close %d",
		d.QueueFull, d.TooLong, d.Invalid, d.Unsent, d.AfterClose)
}

// DroppedError is what [Client.Close] returns when samples were dropped since
// the client was made:
//
//	var dropped *client.DroppedError
//	if errors.As(err, &dropped) && dropped.Samples.QueueFull > 0 { ... }
type DroppedError struct {
	Samples Drops // see [Stats.DroppedSamples]
	Cause   error // why Close ended before all was sent: the context's error and cause; may be nil
	Last    error // the last error of the connection; may be nil
	Log     error // error of Config.Log or Logger that did not return from the last report; may be nil
	target  string
}

func (e *DroppedError) Error() string {
	text := fmt.Sprintf("statsd client: close: %d samples to %s dropped (%s)", e.Samples.Total(), e.target, e.Samples)
	for _, err := range e.Unwrap() {
		text = fmt.Sprintf("%s: %v", text, err)
	}
	return text
}

// Unwrap returns the errors that are set.
func (e *DroppedError) Unwrap() (all []error) {
	for _, err := range []error{e.Cause, e.Last, e.Log} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
