// Package httpstats measures HTTP servers and clients with a statsd client.
//
// Wrap the handler of a server, and the transport of a client:
//
//	http.ListenAndServe(addr, &httpstats.Handler{Client: stats.With("http"), Next: mux})
//	calls := &http.Client{Transport: &httpstats.Transport{Client: stats.With("calls")}}
//
// # Metrics
//
// NAME stands for the handler or host. For each request:
//
//	timer    NAME.METHOD.STATUS  how long it took: "users.id.GET.200"
//	counter  NAME.requests       one
//	counter  NAME.errors         one for a status of 500 and more, or no response
//	counter  NAME.panics         one for a handler that panicked
//	gauge    in_flight           +1 at the beginning, -1 at the end
//
// With a client that writes type prefixes the timer has the name that
// sprockets-statsd's Tornado mixin gives it, "timers.NAME.METHOD.STATUS".
//
// METHOD is OTHER for unusual methods. STATUS is OTHER for numbers outside 100 to
// 999. So outsiders cannot invent names. STATUS is also one of these words:
//
//	hijacked  the handler took over the connection
//	aborted   the browser left, the handler panicked with http.ErrAbortHandler, or
//	          the server's BaseContext was canceled before the handler returned.
//	          Or the request's deadline passed first, as in an http.TimeoutHandler
//	          around the Handler, and the handler wrote nothing or wrote too late
//	error     no response came
//
// # The gauge in_flight
//
// All handlers and transports whose clients have one prefix adjust the same gauge,
// also from several processes. The gauge is their sum. As with every adjusted gauge, adjustments that the server misses
// make it wrong from then on: requests that were under way when a process was killed or closed its client, dropped
// samples, and requests under way while the server restarted without its gauges (this project's server keeps them with
// --state-file). To correct it, set it to 0 in a quiet moment. Give each process a prefix of its own to see which one
// is wrong.
//
// # Inside a request
//
// A [Handler] puts its client into the request's context, where [Timer],
// [Timing] and [Count] find it. Without a client they do nothing.
//
//	defer httpstats.Timer(r.Context(), "db.query").Stop()
package httpstats
