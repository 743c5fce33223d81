// Package statvent shows the stats of a running program. It costs almost nothing until they
// are read.
//
// A program counts, and starts a Recorder once:
//
//	statvent.Incr("web.requests", 1)
//	statvent.Record("web.seconds.{0}", elapsed.Seconds())
//
//	rec, err := statvent.NewRecorder(nil, "")
//	if err != nil { ... }
//	defer rec.Close(context.Background())
//
// Each reader that opens the named pipe of the program gets one snapshot:
//
//	$ cat /tmp/stats-pipe/4711.stats
//	web.requests: 1042
//	web.seconds.95th: 0.31
//	...
//
// # Stats
//
// A stat is a name and a number. Incr and Set make integers. IncrFloat and SetFloat make a
// stat a float permanently. Record keeps the last samples of a name; when somebody reads the
// pipe, a Calculator turns them into stats: the median, the 95th, 99th and 100th percentile,
// and the mean. Any number of goroutines may call all of these.
//
// # The pipe
//
// The format has one line for each stat, "name: value\n". Readers must not rely on the order.
// The name ends at the last colon, so it may hold any byte but a newline. An integer has no
// point and no exponent; a float has one or the other. A last line without a newline means that
// the reader was too slow, and that the rest is missing.
//
// Programs in other languages write the same format (see examples/statvent). Package
// statvent/pipes reads and merges the pipes of a host, and statvent/web shows them as JSON.
//
// The format, the file names and the percentiles are the same as in statvent for Python
// (github.com/dowski/statvent).
package statvent
