// Package httpstats measures HTTP servers and clients with a statsd client.
//
// Wrap the handler of a server, and the transport of a client:
//
//	http.ListenAndServe(addr, &httpstats.Handler{Client: stats.With("http"), Next: mux})
//	calls := &http.Client{Transport: &httpstats.Transport{Client: stats.With("calls")}}
//
// # Metrics
//
// Each request is recorded in the following metrics. NAME is the name of the handler or host.
//
//	timer    NAME.METHOD.STATUS  duration of the request: "users.id.GET.200"
//	counter  NAME.requests       1 for each request
//	counter  NAME.errors         1 if the status is 500 or more, or if there is no response
//	counter  NAME.panics         1 if the handler panicked
//	gauge    in_flight           +1 at the start of the request, -1 at its end
//
// If the client uses type prefixes, the name of the timer is "timers.NAME.METHOD.STATUS", as in the Tornado mixin of
// sprockets-statsd.
//
// METHOD is OTHER for unusual methods, and STATUS is OTHER for numbers outside 100 to 999. Clients therefore cannot
// create arbitrary names. STATUS can also be one of these words:
//
//	hijacked  the handler hijacked the connection
//	aborted   one of these: the client closed the connection before the handler
//	          returned; the server's BaseContext was canceled before the handler
//	          returned; the handler panicked with http.ErrAbortHandler; the
//	          deadline of the request passed before the handler wrote a response
//	          (for example, in an http.TimeoutHandler around the Handler)
//	error     there was no response
//
// # The gauge in_flight
//
// All handlers and transports whose clients have the same prefix adjust the same gauge, even in different processes.
// The value of the gauge is the sum of these adjustments. If the server misses an adjustment, the gauge is wrong from
// then on. The server misses adjustments if samples are dropped, and if a process is killed or closes its client while
// requests are in flight. The gauge is also wrong if the server restarts without its gauges while requests are in
// flight. (This project's server saves its gauges with --state-file.) To correct the gauge, set it to 0 when there are
// no requests. Give each process a different prefix to find the process whose gauge is wrong.
//
// # Inside a request
//
// A [Handler] puts its client into the request's context. [Timer], [Timing] and [Count] use the client in the context.
// If the context has no client, they do nothing.
//
//	defer httpstats.Timer(r.Context(), "db.query").Stop()
package httpstats
