//go:build !unix

package main

import "os"

// terminalSize returns zeros, because this system does not support it.
func terminalSize(*os.File) (columns, lines int) { return 0, 0 }
