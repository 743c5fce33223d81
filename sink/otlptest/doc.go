// Package otlptest compares the encoding of sink/otlp, which is written by hand, with the generated types of
// OpenTelemetry. It is a module of its own, so that the daemon does not require these types.
package otlptest
