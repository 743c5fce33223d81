//go:build !race

package soak

// race says whether this program was built with the race detector.
const race = false
