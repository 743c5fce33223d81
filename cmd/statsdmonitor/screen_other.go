//go:build !unix

package main

import "os"

// terminalSize returns zeros: statsdmonitor can read the size of a terminal only on Unix systems.
func terminalSize(*os.File) (columns, lines int) { return 0, 0 }
