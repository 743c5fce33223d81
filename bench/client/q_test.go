package bench
import ("testing";"net";"strconv";"context";"time"
 dd "github.com/DataDog/datadog-go/v5/statsd"
 "github.com/statsd-ops/statsd/client"
)
func sink(b *testing.B) string { c,err:=net.ListenPacket("udp","127.0.0.1:0"); if err!=nil{b.Fatal(err)}; b.Cleanup(func(){c.Close()}); return c.LocalAddr().String()}
func run(b *testing.B, f func()) {
 for _,g:=range []int{1,8}{ b.Run(strconv.Itoa(g),func(b *testing.B){ b.ReportAllocs()
  if g==1 { for b.Loop(){f()}; return}
  b.SetParallelism(4); b.RunParallel(func(pb *testing.PB){ for pb.Next(){f()}})})}
}
func BenchmarkQDDagg(b *testing.B){ c,_:=dd.New(sink(b),dd.WithoutTelemetry()); run(b,func(){c.Incr("my.request.counter",nil,1)}); c.Close()}
func mk(b *testing.B, cfg client.Config) *client.Client { cfg.Network="udp"; cfg.Address=sink(b); c,err:=client.New(cfg); if err!=nil{b.Fatal(err)}; return c}
func fin(b *testing.B,c *client.Client){ c.Close(context.Background()); s:=c.Stats(); b.Logf("%+v",s)}
func BenchmarkQIncr(b *testing.B){ c:=mk(b,client.Config{}); run(b,func(){c.Incr("my.request.counter")}); fin(b,c)}
func BenchmarkQTags(b *testing.B){ c:=mk(b,client.Config{}); run(b,func(){c.Incr("my.request.counter","a:b","c:d")}); fin(b,c)}
func BenchmarkQHandle(b *testing.B){ c:=mk(b,client.Config{}); h:=c.Counter("my.request.counter"); run(b,func(){h.Incr()}); fin(b,c)}
func BenchmarkQTiming(b *testing.B){ c:=mk(b,client.Config{}); run(b,func(){c.Timing("my.request.counter",15*time.Millisecond)}); fin(b,c)}
func BenchmarkQGauge(b *testing.B){ c:=mk(b,client.Config{}); run(b,func(){c.Gauge("my.request.counter",12.25)}); fin(b,c)}
func BenchmarkQSampled(b *testing.B){ c:=mk(b,client.Config{}); run(b,func(){c.Sampled(.5).Incr("my.request.counter")}); fin(b,c)}
func BenchmarkQAggIncr(b *testing.B){ c:=mk(b,client.Config{Aggregate:time.Second}); run(b,func(){c.Incr("my.request.counter")}); fin(b,c)}
func BenchmarkQAggTags(b *testing.B){ c:=mk(b,client.Config{Aggregate:time.Second}); run(b,func(){c.Incr("my.request.counter","a:b","c:d")}); fin(b,c)}
func BenchmarkQAggTiming(b *testing.B){ c:=mk(b,client.Config{Aggregate:time.Second}); run(b,func(){c.Timing("my.request.counter",15*time.Millisecond)}); fin(b,c)}
