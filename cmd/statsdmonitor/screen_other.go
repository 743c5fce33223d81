//go:build !unix

package main

import "os"

// terminalSize returns zeros: the size is not known.
func terminalSize(*os.File) (columns, lines int) { return 0, 0 }
