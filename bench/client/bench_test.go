// Package bench compares this project's client with the two that Go programs
// use most, call by call:
//
//	go test -bench . -benchtime 2s
package bench
