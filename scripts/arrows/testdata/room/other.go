//go:build neversuchasystem

package room

func other() int { return High() }
