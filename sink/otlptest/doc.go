// Package otlptest compares the hand-written encoder in sink/otlp to OpenTelemetry's generated types. It is a
// separate Go module, so that the daemon does not depend on these types.
package otlptest
