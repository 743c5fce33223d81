package meta

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const healthJSON = "application/health+json"

// serveHealth answers /healthz. Supervisors check only the HTTP status, so it is 503 if the daemon or any sink fails.
// The body lists all active reasons, one in each line.
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

// serveLive answers /livez. It fails only if the flush loop hangs. It does not fail because of a
// dead sink, because a restart would not help and would lose the points in memory.
func serveLive(w http.ResponseWriter, h Health) {
	for _, r := range h.Reasons {
		if r.ID == FlushOverdue {
			respond(w, http.StatusServiceUnavailable, r.line())
			return
		}
	}
	respond(w, http.StatusOK, "ok")
}

// serveReady answers /readyz. All other ports were bound before the monitor's, so they need no
// check. A member of a cluster is ready when it has joined the cluster.
func serveReady(w http.ResponseWriter, h Health) {
	i := slices.IndexFunc(h.Reasons, func(r Reason) bool { return r.ID == ClusterUnknown })
	switch {
	case h.Draining:
		respond(w, http.StatusServiceUnavailable, "the daemon is ending: send samples to another daemon")
		return
	case h.Drained:
		respond(w, http.StatusServiceUnavailable, "an operator has drained the daemon: send samples to another daemon")
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
	_, _ = fmt.Fprintln(w, strings.Join(lines, "\n")) // fails only if the client has disconnected
}

// lines returns "ok", or all reasons, one in each line.
func lines(h Health) (all []string) {
	for _, r := range h.Reasons {
		all = append(all, r.line())
	}
	if all == nil {
		return []string{OK.String()}
	}
	return all
}

// verbose returns the state, and a line for each kind of reason, even if no reason of this kind is active. For each
// active reason, it adds the details.
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

// check is a reason in the format of the IETF draft health+json.
type check struct {
	Status   string `json:"status"`
	Time     string `json:"time"` // since when the reason is active
	Output   string `json:"output"`
	Subject  string `json:"componentId,omitempty"`
	NextStep string `json:"next"`
}

// serveHealthJSON answers in the format health+json. The status in the body matches the HTTP
// status: fail is 503, pass and warn are 200.
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
	_ = json.NewEncoder(w).Encode(body) // fails only if the client has disconnected
}
