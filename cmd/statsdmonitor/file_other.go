//go:build !unix

package main

import "os"

// openFile opens a file. Package safefile needs Unix.
func openFile(path string) (*os.File, error) { return os.Open(path) }
