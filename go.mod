module github.com/statsd-ops/statsd

go 1.26
