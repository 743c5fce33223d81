package console

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// inspect is a JavaScript program. Each line of its input is a JSON array of pairs of a name and a
// value. The program prints the pairs in the same way as Etsy's console prints counters.
const inspect = `
const util = require('util');
require('readline').createInterface({input: process.stdin}).on('line', line => {
	const o = Object.create(Object.prototype);
	for (const [key, value] of JSON.parse(line) || [])
		Object.defineProperty(o, key, {value, enumerable: true, configurable: true, writable: true});
	console.log(JSON.stringify(util.inspect(o)));
});`

// TestInspect compares the console's output for random counters and timers with the output of
// util.inspect in Node.js.
func TestInspect(t *testing.T) {
	node := counterpart.Find(t, "node")
	var input, want bytes.Buffer
	var objects [][][2]any
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 2_000 {
		o := randomObject(random, i)
		line, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
		objects = append(objects, o)
	}
	cmd := exec.Command(node, "-e", inspect)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &input, &want, t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(&want)
	answers.Buffer(nil, 1<<20)
	for _, o := range objects {
		if !answers.Scan() {
			t.Fatal(answers.Err())
		}
		var want string
		if err := json.Unmarshal(answers.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if got := written(t, o); got != want {
			t.Fatalf("%q\ngot\n%s\nwant\n%s", o, got, want)
		}
	}
}

// randomObject returns the i-th random object with counters or timers. The first objects have few entries.
func randomObject(random *rand.Rand, i int) (o [][2]any) {
	timers := i%2 == 0
	seen := map[string]bool{}
	for range random.IntN(1 + min(i/60, 14)) {
		name := randomName(random)
		if seen[name] || !strings.ContainsAny(name, "abc") { // JavaScript sorts numeric keys first, so leave them out
			continue
		}
		seen[name] = true
		if !timers {
			o = append(o, [2]any{name, randomNumber(random)})
			continue
		}
		numbers := make([]float64, random.IntN([]int{3, 12, 40, 130}[random.IntN(4)]))
		simple := random.IntN(2) == 0
		for i := range numbers {
			if numbers[i] = randomNumber(random); simple {
				numbers[i] = float64(random.IntN(2_000)) / 2
			}
		}
		o = append(o, [2]any{name, numbers})
	}
	return o
}

func randomName(random *rand.Rand) string {
	if random.IntN(20) == 0 {
		return []string{"__proto__", "ab c", "a'b", `a'"b`, "a'\"`b", "a\n\x0b\x7f\\b", "aé€𝄞"}[random.IntN(7)]
	}
	name := make([]byte, 1+random.IntN(30)/(1+random.IntN(3)))
	for i := range name {
		name[i] = "abcdefghij_.-0123;="[random.IntN(19)]
	}
	return string(name)
}

func randomNumber(random *rand.Rand) float64 {
	switch n := random.IntN(1_000_000); random.IntN(12) {
	case 0:
		return math.Float64frombits(random.Uint64() &^ (1 << 62)) // neither NaN nor too large for JSON
	case 1:
		return -float64(n)
	case 2:
		return float64(n) * 1e15
	case 3:
		return float64(n) * 1e-12
	case 4:
		return float64(n) / 1000
	default:
		return float64(n % 10_000)
	}
}

// written returns an object in the format of the console.
func written(t *testing.T, entries [][2]any) string {
	t.Helper()
	var text bytes.Buffer
	o := object{out: bufio.NewWriter(&text)}
	for _, e := range entries {
		value := ""
		switch v := e[1].(type) {
		case float64:
			value = number(v)
		case []float64:
			value = array(v[:min(len(v), 100)], len(v))
		}
		if err := o.add(fmt.Sprint(key(e[0].(string)), ": ", value)); err != nil {
			t.Fatal(err)
		}
	}
	o.end()
	if err := o.out.Flush(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// BenchmarkList measures the formatting of counters. An operation is one counter.
func BenchmarkList(b *testing.B) {
	o := object{out: bufio.NewWriter(io.Discard)}
	b.ReportAllocs()
	for i := range b.N {
		if err := o.add(key("app.web-03.api.v2.users.get.count") + ": " + number(float64(i))); err != nil {
			b.Fatal(err)
		}
	}
}
