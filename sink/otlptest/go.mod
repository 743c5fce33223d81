module github.com/statsd-ops/statsd/sink/otlptest

go 1.26.0

replace github.com/statsd-ops/statsd => ../..

require (
	github.com/statsd-ops/statsd v0.0.0-00010101000000-000000000000
	go.opentelemetry.io/proto/slim/otlp v1.11.1
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/sys v0.49.0 // indirect
