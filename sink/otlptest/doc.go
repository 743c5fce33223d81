// Package otlptest compares what sink/otlp encodes by hand with the generated types of OpenTelemetry.
// It is a module of its own, so that these types are no requirement of the daemon.
package otlptest
