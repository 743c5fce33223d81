package nats

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/statsd-ops/statsd/link"
)

const (
	headerSlot   = "Sd-Slot"
	headerChunks = "Sd-Chunks" // header with the numbers of the messages that contain the record
	takeOver     = "own"       // the place of a commit with the slot TakeOver; the place of any other commit is a number
	// chunkSize is the maximum number of bytes of a record in one message.
	chunkSize = 900 << 10
)

func commitSubject(prefix string, p int, place string) string {
	return fmt.Sprintf("%s.w.%d.%s", prefix, p, place)
}

func chunkSubject(prefix string, p int, place, name string) string {
	return fmt.Sprintf("%s.x.%d.%s.%s", prefix, p, place, name)
}

// place returns the place of a slot: the last part of the subject of its commits.
func (p *partition) place(slot int64) string {
	if slot == link.TakeOver {
		return takeOver
	}
	return strconv.FormatInt(slot%p.slots, 10)
}

// Head returns the last commit.
func (p *partition) Head(ctx context.Context) (link.Commit, error) {
	c, err := p.commit(ctx, "*")
	if errors.Is(err, link.ErrNone) {
		return link.Commit{}, nil
	}
	return c, err
}

// At returns the last commit of a slot.
func (p *partition) At(ctx context.Context, slot int64) (link.Commit, error) {
	c, err := p.commit(ctx, p.place(slot))
	if err == nil && c.Slot != slot {
		return link.Commit{}, link.ErrNone
	}
	return c, err
}

// commit reads the last commit in a place. If the parameter place is "*", it reads the last commit
// of all places.
func (p *partition) commit(ctx context.Context, place string) (link.Commit, error) {
	subject := commitSubject(p.cfg.Prefix, p.p, place)
	for {
		m, err := p.get(ctx, p.commitStream(), query{Last: subject})
		if err != nil {
			return link.Commit{}, err
		}
		c, err := p.parse(ctx, m)
		if !errors.Is(err, link.ErrNone) {
			return c, err
		}
		// A part of the record is missing. Normally this means that another commit has replaced this one.
		now, err := p.get(ctx, p.commitStream(), query{Last: subject})
		if err != nil {
			return link.Commit{}, err
		}
		if now.Seq == m.Seq {
			return link.Commit{}, p.fail(fmt.Errorf("a part of commit %d in %s is missing", m.Seq, m.Subject))
		}
	}
}

// parse decodes a commit. If the record is divided, it reads the parts.
func (p *partition) parse(ctx context.Context, m stored) (link.Commit, error) {
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(m.Header, []byte("NATS/1.0\r\n"))))).ReadMIMEHeader()
	if err != nil {
		return link.Commit{}, p.fail(fmt.Errorf("commit %d in %s has no header: %w", m.Seq, m.Subject, err))
	}
	slot, err := strconv.ParseInt(header.Get(headerSlot), 10, 64)
	if err != nil {
		return link.Commit{}, p.fail(fmt.Errorf("commit %d in %s: %w", m.Seq, m.Subject, err))
	}
	c := link.Commit{Version: link.Version(m.Seq), Slot: slot, Record: m.Data}
	for number := range strings.FieldsSeq(header.Get(headerChunks)) {
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return link.Commit{}, p.fail(fmt.Errorf("commit %d in %s: %w", m.Seq, m.Subject, err))
		}
		chunk, err := p.get(ctx, p.commitStream(), query{Seq: seq})
		if err != nil {
			return link.Commit{}, err
		}
		c.Record = append(c.Record, chunk.Data...)
	}
	return c, nil
}

// Append appends a commit. The server checks that the parameter after is still the number of the
// last commit.
func (p *partition) Append(ctx context.Context, after link.Version, slot int64, record []byte) (link.Version, error) {
	if err := p.know(ctx, after); err != nil {
		return 0, err
	}
	place := p.place(slot)
	m := natsgo.NewMsg(commitSubject(p.cfg.Prefix, p.p, place))
	m.Header.Set(headerSlot, strconv.FormatInt(slot, 10))
	m.Data = record
	if len(record) > chunkSize {
		numbers, err := p.store(ctx, place, record)
		if err != nil {
			return 0, err
		}
		m.Data = nil
		m.Header.Set(headerChunks, strings.Join(numbers, " "))
	}
	ack, err := p.publish(ctx, m, jetstream.WithExpectStream(p.commitStream()),
		jetstream.WithExpectLastSequenceForSubject(uint64(after), commitSubject(p.cfg.Prefix, p.p, "*")))
	if isFenced(err) {
		p.last = 0
		return 0, fmt.Errorf("%w: %w", link.ErrFenced, err)
	}
	if err != nil {
		return 0, err
	}
	p.last = link.Version(ack.Sequence)
	p.clean(ctx, place, m.Header.Get(headerChunks), ack.Sequence)
	return p.last, nil
}

func isFenced(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// store stores the parts of a record, and returns their numbers. The commit that is appended
// afterwards refers to these numbers.
func (p *partition) store(ctx context.Context, place string, record []byte) (numbers []string, err error) {
	name := nuid.Next()
	for i := 0; len(record) > 0; i++ {
		n := min(len(record), chunkSize)
		subject := chunkSubject(p.cfg.Prefix, p.p, place, name+"-"+strconv.Itoa(i))
		ack, err := p.publish(ctx, &natsgo.Msg{Subject: subject, Data: record[:n]}, jetstream.WithExpectStream(p.commitStream()))
		if err != nil {
			return nil, err
		}
		numbers, record = append(numbers, strconv.FormatUint(ack.Sequence, 10)), record[n:]
		p.chunked[place] = true
	}
	return numbers, nil
}

// know finds out which places have commits with divided records. It asks the server only if another
// owner may have made commits.
func (p *partition) know(ctx context.Context, after link.Version) error {
	if p.chunked != nil && after == p.last {
		return nil
	}
	if err := p.connected(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := p.js.Stream(ctx, p.commitStream())
	if err != nil {
		return p.fail(err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(chunkSubject(p.cfg.Prefix, p.p, "*", "*")))
	if err != nil {
		return p.fail(err)
	}
	p.chunked = make(map[string]bool)
	for subject := range info.State.Subjects {
		if tokens := strings.Split(subject, "."); len(tokens) > 2 {
			p.chunked[tokens[len(tokens)-2]] = true
		}
	}
	return nil
}

// clean removes the parts of earlier commits in a place. If a commit was fenced after its parts
// were stored, the next commit in the place removes these parts.
func (p *partition) clean(ctx context.Context, place, numbers string, commit uint64) {
	if !p.chunked[place] {
		return
	}
	below := commit
	if first, _, _ := strings.Cut(numbers, " "); first != "" {
		below, _ = strconv.ParseUint(first, 10, 64)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := p.js.Stream(ctx, p.commitStream())
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(chunkSubject(p.cfg.Prefix, p.p, place, "*")), jetstream.WithPurgeSequence(below))
	}
	if err == nil && numbers == "" {
		delete(p.chunked, place)
	}
}
