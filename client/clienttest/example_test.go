package clienttest_test

import (
	"fmt"
	"testing"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

// order is an example of the code under test.
func order(stats *client.Client, items int) {
	stats.Incr("orders")
	stats.Gauge("basket", float64(items))
}

func ExampleNew() {
	// This function is a test of the program:
	_ = func(t *testing.T) {
		rec := clienttest.New(t, client.Config{Prefix: "shop"})
		order(rec.Client, 3)
		if n := rec.Count("shop.orders"); n != 1 {
			t.Errorf("%v orders were counted, want 1", n)
		}
		if v, ok := rec.Gauge("shop.basket"); !ok || v != 3 {
			t.Errorf("the basket is %v, %v; want 3", v, ok)
		}
	}
}

// The code under test creates its own client, which also uses the recorder.
func ExampleRecorder_Dial() {
	_ = func(t *testing.T) {
		rec := clienttest.New(t, client.Config{})
		stats, err := client.New(client.Config{Prefix: "shop", Dial: rec.Dial})
		if err != nil {
			t.Fatal(err)
		}
		order(stats, 3)
		if err := stats.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lines := rec.Lines(); lines[0] != "shop.orders:1|c" {
			t.Errorf("sent %q", lines)
		}
	}
}

func ExampleParse() {
	samples, err := clienttest.Parse("shop.orders:3|c|@0.1|#zone:a")
	if err != nil {
		panic(err)
	}
	s := samples[0]
	fmt.Println(s.Name, s.Number(), s.Rate, s.Tags)
	// Output: shop.orders 3 0.1 [zone:a]
}
