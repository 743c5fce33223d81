// Package statvent keeps a program's own figures at no cost until somebody
// looks.
//
// A program counts as it goes, and starts a Recorder once:
//
//	statvent.Incr("web.requests", 1)
//	statvent.Record("web.seconds.{0}", elapsed.Seconds())
//
//	rec, err := statvent.NewRecorder(nil, "")
//	if err != nil { ... }
//	defer rec.Close()
//
// From then on whoever opens the program's named pipe gets one snapshot:
//
//	$ cat /tmp/stats-pipe/4711.stats
//	web.requests: 1042
//	web.seconds.95th: 0.31
//	...
//
// # Figures
//
// A figure is a name and a number. Incr and Set make integers; one use of
// IncrFloat or SetFloat makes the figure a float for good. Record keeps the
// last samples of a name, and a Calculator turns them into figures when
// somebody looks: the median, the 95th, 99th and 100th percentile and the
// mean. All of it may be called by any number of goroutines.
//
// # The pipe
//
// The format is a line "name: value\n" a figure, in no order that a reader may
// rely on; the name ends at the last colon, so that it may hold any byte but a
// newline. Programs in other languages write the same (see examples/statvent),
// package statvent/pipes reads and merges the pipes of a host, and
// statvent/web shows them as JSON.
//
// The format, the file names and the percentiles are those of statvent for
// Python (github.com/dowski/statvent).
package statvent
