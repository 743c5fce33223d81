// Package httpstats measures HTTP servers and clients with a statsd client.
//
// Wrap the handler of a server, and the transport of a client:
//
//	http.ListenAndServe(addr, &httpstats.Handler{Client: stats.With("http"), Next: mux})
//	calls := &http.Client{Transport: &httpstats.Transport{Client: stats.With("calls")}}
//
// # What is sent
//
// For each request, where NAME says which handler or host it was for:
//
//	timer    NAME.METHOD.STATUS  how long it took: "users.id.GET.200"
//	counter  NAME.requests       one
//	counter  NAME.errors         one for a status of 500 and more, or no response
//	counter  NAME.panics         one for a handler that panicked
//	gauge    in_flight           requests of this Handler or Transport under way
//
// With a client that writes type prefixes the timer's full name is the one of
// sprockets-statsd's Tornado mixin, "timers.NAME.METHOD.STATUS". METHOD is
// OTHER where it is none of the usual ones, and so is a STATUS that is no number
// from 100 to 999, so that nobody can invent names. STATUS is "hijacked" where the
// handler took over the connection, "aborted" where it gave up with
// http.ErrAbortHandler, as a reverse proxy does whose browser has left, and "error"
// where no response came.
//
// # Inside a request
//
// A [Handler] leaves its client in the request's context, where [Timer],
// [Timing] and [Count] find it. Without one they do nothing.
//
//	defer httpstats.Timer(r.Context(), "db.query").Stop()
package httpstats
