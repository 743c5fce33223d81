// Package census counts the names of a table by prefix: the names that the table holds, and the names that
// were made or removed in the last hour.
//
//	table.Count(census.NewCounter) // before the first sample
//	walk := census.Begin(table, "checkout", since)
//	for walk.Step() { // each step runs in the flushing goroutine
//	}
//	answer := walk.Result()
//
// The memory is bounded. If there are many prefixes, only some of them are counted, with internal/heavy. So the counts in
// an answer are bounds.
package census
