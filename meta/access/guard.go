package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/statsd-ops/statsd/meta/question"
)

// Need is the kind of access that a request needs.
type Need uint8

// These are the kinds of access. Each kind includes the kinds before it.
const (
	Nothing  Need = iota // health checks, which are answered with one word
	Reading              // data that a monitor without tokens shows to everybody
	Guarded              // samples of clients, and the configuration
	Changing             // changes of the running daemon
)

// Guard decides which requests are allowed. Any goroutine may use it.
type Guard struct {
	tokens atomic.Pointer[Tokens]
	open   atomic.Bool
}

// NewGuard returns a Guard with the given tokens. If the parameter tokens is nil, there are no
// tokens.
func NewGuard(tokens *Tokens) *Guard {
	g := &Guard{}
	g.tokens.Store(tokens)
	return g
}

// Replace replaces the tokens. If the parameter tokens is nil, the Guard has no tokens afterwards.
func (g *Guard) Replace(tokens *Tokens) { g.tokens.Store(tokens) }

// Bound sets the address of the monitor. Before that, the Guard assumes a loopback address.
func (g *Guard) Bound(addr net.Addr) {
	bound, err := netip.ParseAddrPort(addr.String())
	g.open.Store(err != nil || !bound.Addr().Unmap().IsLoopback())
}

// Open reports whether other machines can reach the monitor.
func (g *Guard) Open() bool { return g.open.Load() }

// HasTokens reports whether there are tokens.
func (g *Guard) HasTokens() bool { return g.tokens.Load() != nil }

// Check decides whether a request is allowed. It returns the name of the request's token, if the
// token is valid.
func (g *Guard) Check(r *http.Request, need Need) (who string, refused *question.Error) {
	tokens := g.tokens.Load()
	given, role := bearer(r), Nobody
	if tokens != nil && given != "" {
		who, role = tokens.find(given)
	}
	switch {
	case need == Changing && tokens == nil:
		return who, &question.Error{Code: question.WrongRole, Text: "this daemon runs without tokens, so it accepts no changes", Next: "set --monitor-tokens=FILE"}
	case need == Changing && role == Reader:
		return who, &question.Error{Code: question.WrongRole, Text: "the token of " + who + " has the role read: only the role operate allows changes"}
	case need == Nothing, role == Operator, need < Changing && (role == Reader || !g.Open()):
		return who, nil
	case need == Reading && tokens == nil:
		return who, nil
	case tokens == nil:
		return who, &question.Error{Code: question.NoToken, Text: "the monitor is open to other machines and has no tokens, so this query is not answered", Next: "set --monitor-tokens=FILE, or --monitor-host=127.0.0.1"}
	case given != "":
		return who, &question.Error{Code: question.NoToken, Text: "the token is not valid", Next: "compare the token's SHA-256 with the file of --monitor-tokens"}
	}
	return who, &question.Error{Code: question.NoToken, Text: "this needs a token", Next: "send Authorization: Bearer TOKEN"}
}

// maxToken is the maximum length of a token.
const maxToken = 1024

// bearer returns the token in the Authorization header of a request, or "" if there is none.
func bearer(r *http.Request) string {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || len(token) > maxToken {
		return ""
	}
	return token
}
