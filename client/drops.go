package client

import "fmt"

// Drops counts the lines or samples that will never be sent, by cause.
type Drops struct {
	QueueFull  uint64 // the queue was full
	TooLong    uint64 // the line was longer than Config.MaxPacketSize
	Invalid    uint64 // a name, member or type was empty, or a value was NaN or infinite
	Unsent     uint64 // the network refused the datagram, or Close ended before it was sent
	AfterClose uint64 // the method was called after Close
}

// Total returns the sum over all causes.
func (d Drops) Total() uint64 {
	return d.QueueFull + d.TooLong + d.Invalid + d.Unsent + d.AfterClose
}

func (d Drops) String() string {
	return fmt.Sprintf("queue full %d, too long %d, invalid %d, unsent %d, after close %d",
		d.QueueFull, d.TooLong, d.Invalid, d.Unsent, d.AfterClose)
}

// DroppedError is the error that [Client.Close] returns if samples were dropped since the client was created:
//
//	var dropped *client.DroppedError
//	if errors.As(err, &dropped) && dropped.Samples.QueueFull > 0 { ... }
type DroppedError struct {
	Samples Drops // number of dropped samples: see [Stats.DroppedSamples]
	Cause   error // why Close ended before everything was sent: the error and cause of the context; may be nil
	Last    error // last error of the connection; may be nil
	Log     error // error if Config.Log or Logger did not return from the last report; may be nil
	target  string
}

func (e *DroppedError) Error() string {
	text := fmt.Sprintf("statsd client: close: %d samples to %s dropped (%s)", e.Samples.Total(), e.target, e.Samples)
	for _, err := range e.Unwrap() {
		text = fmt.Sprintf("%s: %v", text, err)
	}
	return text
}

// Unwrap returns all errors that are not nil.
func (e *DroppedError) Unwrap() (all []error) {
	for _, err := range []error{e.Cause, e.Last, e.Log} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
