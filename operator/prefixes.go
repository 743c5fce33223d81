package operator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/census"
	"github.com/statsd-ops/statsd/meta/question"
)

const (
	// maxCounted is the maximum number of kept answers about prefixes.
	maxCounted = 16
	// countedFor is the maximum age of a kept answer. A kept answer is used if there is no time for a
	// new count.
	countedFor = 15 * time.Minute
)

// counted keeps the last counts of names by prefix. Only one new count may run at a time.
type counted struct {
	turn sync.Mutex
	mu   sync.Mutex
	kept []keptCount // oldest first
}

// keptCount is a count of names. In this count, a name is new if its first sample is at most the
// given number of seconds old.
type keptCount struct {
	*census.Prefixes
	seconds int
}

func (k *keptCount) is(below string, seconds int) bool {
	return strings.TrimSuffix(k.Below, ".") == below && k.seconds == seconds
}

func (c *counted) keep(sum *census.Prefixes, seconds int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	below := strings.TrimSuffix(sum.Below, ".")
	c.kept = slices.DeleteFunc(c.kept, func(k keptCount) bool { return k.is(below, seconds) })
	if len(c.kept) == maxCounted {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, keptCount{sum, seconds})
}

// last returns the last count of the names that begin with the given prefix. The count must have the
// same number of seconds (see keptCount). If there is no such count, or if it is too old, last
// returns nil.
func (c *counted) last(below string, seconds int) *census.Prefixes {
	return c.find(func(k *keptCount) bool { return k.is(below, seconds) })
}

// newest returns the last count of all names. It returns nil if there is no such count, or if it is
// too old.
func (c *counted) newest() *census.Prefixes {
	return c.find(func(k *keptCount) bool { return k.Below == "" })
}

func (c *counted) find(fits func(*keptCount) bool) *census.Prefixes {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range slices.Backward(c.kept) {
		if fits(&k) && time.Since(k.At) < countedFor {
			return k.Prefixes
		}
	}
	return nil
}

func (d *Desk) prefixesQuestion() question.Question {
	return question.Question{
		Name: "prefixes", Answer: question.Prefixes{}, Ask: d.prefixes, Guarded: true,
		Parameters: []question.Parameter{
			{Name: "prefix", Help: "a prefix of whole nodes (a node is a part of a name between dots), such as checkout or checkout.session: count names by the node after this prefix. By default, count all names by their first node"},
			{Name: "seconds", Kind: question.Int, Default: 900, Min: 1, Max: 86_400, Help: "for how many seconds after its first sample a name counts as new"},
			{Name: "limit", Kind: question.Int, Default: 20, Min: 1, Max: 200, Help: "the maximum number of prefixes"},
		},
		Help: "The prefixes with the most names, and how many names are new or gone. Prefixes that grow fast come first.",
	}
}

func (d *Desk) prefixes(ctx context.Context, args question.Arguments) (question.Answer, error) {
	start := time.Now()
	below, seconds := strings.Trim(args.Text("prefix"), "."), args.Int("seconds")
	sum, complete, err := d.countPrefixes(ctx, below, seconds)
	if err != nil {
		return question.Answer{}, err
	}
	return question.Answer{
		AsOf: sum.At, Live: true, TookMillis: millis(start), Complete: complete,
		Data: prefixesOf(sum, args.Int("limit")),
	}, nil
}

// countPrefixes counts names on the flush loop, in steps. If there is not enough time, it returns
// the last count. If there is no last count, it returns what it has counted so far, and the result
// complete is false.
func (d *Desk) countPrefixes(ctx context.Context, below string, seconds int) (sum *census.Prefixes, complete bool, err error) {
	c := &d.counted
	if !c.turn.TryLock() {
		if sum = c.last(below, seconds); sum != nil {
			return sum, true, nil
		}
		e := question.Errorf(question.Busy, "", "another count of names is running: ask again in 2s")
		e.After = 2 * time.Second
		return nil, false, e
	}
	defer c.turn.Unlock()
	// Stop counting early, so that there is time to answer
	until, stop := context.WithTimeout(ctx, question.AnswerTime-time.Second)
	defer stop()
	var walk *census.Walk
	err = d.onLoop(until, func(r *Running) {
		walk = census.Begin(r.Table, below, time.Now().Add(-time.Duration(seconds)*time.Second))
	})
	for more := true; more && err == nil; {
		err = d.onLoop(until, func(*Running) { more = walk.Step() })
	}
	if err == nil {
		sum = walk.Result()
		c.keep(sum, seconds)
		return sum, true, nil
	}
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return nil, false, err
	}
	if sum = c.last(below, seconds); sum != nil {
		return sum, true, nil
	}
	if walk == nil {
		return nil, false, err
	}
	return walk.Result(), false, nil
}

// prefixesOf converts a count to an answer. The answer has at most limit prefixes, and the sum of
// all other prefixes.
func prefixesOf(sum *census.Prefixes, limit int) question.Prefixes {
	p := question.Prefixes{Below: sum.Below, Held: sum.Held, Since: sum.Since, Prefixes: []question.Prefix{}}
	p.Others = question.Prefix{Names: sum.Held, New: sum.New, Gone: sum.Gone, AtLeast: sum.AtLeast}
	for i := range sum.Rows {
		row := &sum.Rows[i]
		if i >= limit {
			p.Others.Bytes += row.Bytes
			if row.Newest.After(p.Others.Newest) {
				p.Others.Newest = row.Newest
			}
			continue
		}
		p.Error = max(p.Error, row.NewError)
		p.Others.Names -= row.Names
		p.Others.New = max(p.Others.New-row.New, 0)
		p.Others.Gone = max(p.Others.Gone-row.Gone, 0)
		p.Prefixes = append(p.Prefixes, question.Prefix{
			Prefix: row.Prefix, Names: row.Names, Share: share(row.Names, sum.Held), New: row.New, Gone: row.Gone,
			Bytes: row.Bytes, Newest: row.Newest, AtLeast: sum.AtLeast, ManyNew: row.ManyNew,
		})
	}
	p.Others.Share = share(p.Others.Names, sum.Held)
	return p
}

func share(part, whole int) float64 { return float64(part) / float64(max(whole, 1)) }
