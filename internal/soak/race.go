//go:build race

package soak

// race reports whether the race detector is on.
const race = true
