package tcp

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/statsd-ops/statsd/link"
)

const (
	protocol    = "statsd-link"
	version     = 1
	nonceSize   = 32
	edgeSends   = "edge"
	centralSend = "central"
)

// Keys returns the keys that edges and the central daemon share, newest first. It is called for each connection, so a
// changed file of keys needs no restart. An edge uses the first key. A central daemon accepts all of them.
type Keys func() ([][]byte, error)

func (k Keys) read() ([][]byte, error) {
	if k == nil {
		return nil, nil
	}
	all, err := k()
	if err == nil && len(all) == 0 {
		err = errors.New("there is no key")
	}
	return all, err
}

func nonce() []byte {
	n := make([]byte, nonceSize)
	_, _ = rand.Read(n) // rand.Read never fails
	return n
}

// greetCentral performs the handshake as the edge. It returns the settings of the cluster.
func greetCentral(w *wire, keys Keys) (link.Settings, error) {
	all, err := keys.read()
	if err != nil {
		return link.Settings{}, err
	}
	own := nonce()
	if err := w.send(kindHello, []byte(protocol), []byte{version}, own); err != nil {
		return link.Settings{}, err
	}
	body, err := w.answer(kindChallenge)
	if err != nil {
		return link.Settings{}, err
	}
	if len(body) != 2+nonceSize || body[0] != version {
		return link.Settings{}, errors.New("the central daemon uses another version of the protocol: upgrade the older daemon")
	}
	switch keyed := body[1] == 1; {
	case keyed && all == nil:
		return link.Settings{}, errors.New("the central daemon requires a key, and this daemon has no key")
	case !keyed && all != nil:
		return link.Settings{}, errors.New("the central daemon has no key, so it cannot prove its identity")
	case keyed:
		nonces := append(own, body[2:]...)
		w.out, w.in = newSeal(all[0], nonces, edgeSends), newSeal(all[0], nonces, centralSend)
	}
	if err := w.send(kindProof); err != nil {
		return link.Settings{}, err
	}
	if body, err = w.answer(kindWelcome); err != nil {
		return link.Settings{}, err
	}
	return link.ParseSettings(body)
}

// answer receives a frame of the given kind. If the central daemon sends a refusal, answer returns it as an error.
func (w *wire) answer(kind byte) ([]byte, error) {
	head, size, err := w.head(maxGreeting)
	if err != nil {
		return nil, err
	}
	if head[4] == kindRefusal {
		w.in = nil // refusals have no seal
	}
	body, err := w.body(head, size)
	switch {
	case err != nil:
		return nil, err
	case head[4] == kindRefusal:
		return nil, fmt.Errorf("the central daemon refuses the connection: %q", body[:min(len(body), 200)])
	case head[4] != kind:
		return nil, fmt.Errorf("frame %q where %q is expected: the peer uses another protocol", head[4], kind)
	}
	return body, nil
}

// greetEdge performs the handshake as the central daemon. It reports whether the edge has proved that it knows a key.
func greetEdge(w *wire, keys Keys, settings link.Settings) (proved bool, err error) {
	all, err := keys.read()
	if err != nil {
		return false, w.refuse("the central daemon cannot read its keys", fmt.Errorf("keys: %w", err))
	}
	body, err := w.expect(kindHello, maxGreeting)
	if err != nil {
		return false, err
	}
	theirs, ok := bytes.CutPrefix(body, []byte(protocol))
	if !ok || len(theirs) != 1+nonceSize || theirs[0] != version {
		return false, w.refuse(fmt.Sprintf("the central daemon uses version %d of the protocol", version), errors.New("another protocol or version"))
	}
	own, keyed := nonce(), byte(0)
	if all != nil {
		keyed = 1
	}
	nonces := append(bytes.Clone(theirs[1:]), own...)
	if err := w.send(kindChallenge, []byte{version, keyed}, own); err != nil {
		return false, err
	}
	if err := w.checkProof(all, nonces); err != nil {
		return false, err
	}
	return all != nil, w.send(kindWelcome, settings.Encode())
}

// checkProof receives the proof. It finds the key that the edge has used for the proof's seal.
func (w *wire) checkProof(all [][]byte, nonces []byte) error {
	head, size, err := w.head(0)
	switch {
	case errors.Is(err, io.EOF) && all == nil:
		return errors.New("the edge daemon disconnected during the handshake: perhaps it has a key and this central daemon has none, or its version differs")
	case errors.Is(err, io.EOF):
		return errors.New("the edge daemon disconnected when it was asked for a key: perhaps it has none, or its version differs")
	case err == nil && head[4] != kindProof:
		err = fmt.Errorf("frame %q where %q is expected", head[4], kindProof)
	}
	if err != nil || all == nil {
		return err
	}
	given, err := w.body(head, size+sealSize)
	if err != nil {
		return err
	}
	for _, key := range all {
		in := newSeal(key, nonces, edgeSends)
		if hmac.Equal(in.of(head), given) {
			w.in, w.out = in, newSeal(key, nonces, centralSend)
			return nil
		}
	}
	return w.refuse("the key of this daemon is not among the central daemon's keys", errors.New("its key is not among this central daemon's keys"))
}

// refuse tells the edge why it is refused. It returns the parameter reason, which is the error for the central daemon.
func (w *wire) refuse(text string, reason error) error {
	_ = w.send(kindRefusal, []byte(text)) // an error means that the edge has disconnected
	return reason
}
