// Package statvent makes the stats of a running program readable for other programs. It costs almost nothing while no
// program reads the stats.
//
// A program counts with functions such as Incr, and starts a Recorder once:
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
// A stat is a name with a number. Incr and Set create integers. IncrFloat and SetFloat permanently change a stat to a
// float. Record stores the last samples of a name. When a reader opens the pipe, a Calculator computes stats from the
// samples: the median, the 95th, 99th and 100th percentile, and the mean. In the names of these stats, a label such as
// 95th replaces the text {0}. All these functions are safe for concurrent use.
//
// # The pipe
//
// The format has one line for each stat, "name: value\n". The lines are in no particular order. The name ends at the last
// colon, so it may contain any byte except a newline. An integer has neither a point nor an exponent. A float has a point
// or an exponent. If the last line has no newline, the reader was too slow, and the remaining lines are missing.
//
// Programs in other languages use the same format (see examples/statvent). Package statvent/pipes reads and merges the
// pipes of a host. Package statvent/web serves them as JSON.
//
// The format, the file names and the percentiles are the same as in statvent for Python
// (github.com/dowski/statvent).
package statvent
