# Calls every method of a monitor with Ruby's own client, and prints what it got.
require "json"
require "xmlrpc/client"

server = XMLRPC::Client.new2(ARGV[0])
got = {
  "methods" => server.call("system.listMethods"),
  "help" => server.call("system.methodHelp", "istats"),
  "signature" => server.call("system.methodSignature", "istats"),
  "istats" => JSON.parse(server.call("istats")),
  "stats" => server.call("stats"),
  "values" => server.call("values"),
  "discards" => server.call("discards"),
}
data = server.call("sample", "text", 7)["data"]
got["none"] = data.delete("none").to_s
got["sample"] = data
begin
  server.call("nope")
rescue XMLRPC::FaultException => fault
  got["fault"] = fault.faultCode
end
istats, values = server.multicall(["istats"], ["values"])
got["multicall"] = JSON.parse(istats) == got["istats"] && values == got["values"]
puts JSON.generate(got)
