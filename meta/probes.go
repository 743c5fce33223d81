package meta

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const healthJSON = "application/health+json"

// serveHealth answers /healthz: 503 when the daemon or a single sink fails, because supervisors
// check the code. The body lists all reasons, one per line.
func serveHealth(w http.ResponseWriter, r *http.Request, h Health) {
	code := http.StatusOK
	if h.State == Failing || h.Has(SinkFailing) {
		code = http.StatusServiceUnavailable
	}
	switch {
	case strings.Contains(r.Header.Get("Accept"), healthJSON):
		serveHealthJSON(w, code, h)
	case r.URL.Query().Has("verbose"):
		respond(w, code, verbose(h)...)
	default:
		respond(w, code, lines(h)...)
	}
}

// serveLive answers /livez. It fails only if the flush loop hangs. A restart does not revive a dead
// sink, and loses the points in memory.
func serveLive(w http.ResponseWriter, h Health) {
	for _, r := range h.Reasons {
		if r.ID == FlushOverdue {
			respond(w, http.StatusServiceUnavailable, r.line())
			return
		}
	}
	respond(w, http.StatusOK, "ok")
}

// serveReady answers /readyz. The monitor is bound after all other ports. A member of a cluster is ready when it
// has joined.
func serveReady(w http.ResponseWriter, h Health) {
	i := slices.IndexFunc(h.Reasons, func(r Reason) bool { return r.ID == ClusterUnknown })
	switch {
	case h.Draining:
		respond(w, http.StatusServiceUnavailable, "ending: send to another daemon")
		return
	case h.Drained:
		respond(w, http.StatusServiceUnavailable, "draining: send to another daemon")
		return
	case i >= 0:
		respond(w, http.StatusServiceUnavailable, h.Reasons[i].line())
		return
	}
	respond(w, http.StatusOK, "ok")
}

func respond(w http.ResponseWriter, code int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, strings.Join(lines, "\n")) // an error means that the client is gone
}

// lines returns "ok", or the reasons, one per line.
func lines(h Health) (all []string) {
	for _, r := range h.Reasons {
		all = append(all, r.line())
	}
	if all == nil {
		return []string{OK.String()}
	}
	return all
}

// verbose returns the state, each kind of reason, and the details of the ones that hold.
func verbose(h Health) []string {
	all := []string{h.State.String() + " since " + h.Since.UTC().Format(timeLayout)}
	for _, kind := range reasonTable {
		held := false
		for _, r := range h.Reasons {
			if r.ID != kind.id {
				continue
			}
			held = true
			all = append(all, "[-] "+r.ID+" "+r.line(), "    effect: "+r.Effect, "    clears: "+r.Clears)
		}
		if !held {
			all = append(all, "[+] "+kind.id+" ok")
		}
	}
	return all
}

// check is one reason in the format of the health+json draft.
type check struct {
	Status   string `json:"status"`
	Time     string `json:"time"` // when the reason began
	Output   string `json:"output"`
	Subject  string `json:"componentId,omitempty"`
	NextStep string `json:"next"`
}

// serveHealthJSON answers in the format of the draft. Its status matches the code: fail with 503,
// pass and warn with 200.
func serveHealthJSON(w http.ResponseWriter, code int, h Health) {
	words := [...]string{OK: "pass", Degraded: "warn", Failing: "fail"}
	body := struct {
		Status string             `json:"status"`
		Output string             `json:"output,omitempty"`
		Checks map[string][]check `json:"checks,omitempty"`
	}{Status: words[h.State], Output: h.Text(), Checks: map[string][]check{}}
	if code != http.StatusOK {
		body.Status = words[Failing]
	}
	for _, r := range h.Reasons {
		body.Checks[r.ID] = append(body.Checks[r.ID], check{words[r.State], r.Since.UTC().Format(timeLayout), r.Text, r.Subject, r.Next})
	}
	w.Header().Set("Content-Type", healthJSON)
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client is gone
}
