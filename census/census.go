// Package census counts the names of a table by prefix: the names that the table holds, and the names that
// were made or removed in the last hour.
//
//	table.Count(census.NewCounter) // before the first sample
//	walk := census.Begin(table, "checkout", since)
//	for walk.Step() { // each on the flushing goroutine
//	}
//	answer := walk.Result()
//
// It counts only some of many prefixes, in bounded memory (internal/heavy). So the answers are bounds.
package census
