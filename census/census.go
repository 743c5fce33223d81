// Package census counts the names of a table by prefix: the names that are held, and the names that were
// made and gone in the last hour.
//
//	table.Count(census.NewCounter) // before the first sample
//	walk := census.Begin(table, "checkout", since)
//	for walk.Step() { // each on the flushing goroutine
//	}
//	answer := walk.Result()
//
// Few of many prefixes are counted in bounded memory (internal/heavy), so answers have bounds.
package census
