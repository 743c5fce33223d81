package ask

import (
	"testing"

	"github.com/kolo/xmlrpc"

	"github.com/statsd-ops/statsd/meta/question"
)

// FuzzAnswer decodes arbitrary responses, as a hostile server could send them. The function decode
// must not panic.
func FuzzAnswer(f *testing.F) {
	for _, value := range []string{
		"<struct><member><name>data</name><value><struct><member><name>host</name><value><string>a</string></value></member></struct></value></member></struct>",
		"<struct><member><name>data</name><value><array><data><value><int>1</int></value></data></array></value></member></struct>",
		"<array><data><value><double>NaN</double></value><value>x</value></data></array>",
		"<dateTime.iso8601>20261129T02:28:34</dateTime.iso8601>", "<base64>AA==</base64>", "<nil/>", "<boolean>2</boolean>", "<int></int>", "",
	} {
		f.Add([]byte("<methodResponse><params><param><value>" + value + "</value></param></params></methodResponse>"))
		f.Add([]byte("<methodResponse><fault><value>" + value + "</value></fault></methodResponse>"))
	}
	f.Fuzz(func(_ *testing.T, body []byte) {
		var a Answer
		var status question.Status
		var sinks []question.Sink
		_ = xmlrpc.Response(body).Err()
		_ = a.decode(body, &status)
		_ = a.decode(body, &sinks)
	})
}
