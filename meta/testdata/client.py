# Calls every method of a monitor with Python's own client, and prints what it got.
import json
import sys
import xmlrpc.client

url = sys.argv[1]
server = xmlrpc.client.ServerProxy(url)
got = {
    "methods": server.system.listMethods(),
    "help": server.system.methodHelp("istats"),
    "signature": server.system.methodSignature("istats"),
    "istats": json.loads(server.istats()),
    "stats": server.stats(),
    "values": server.values(),
    "discards": server.discards(),
}
data = server.sample("text", 7)["data"]
got["none"] = str(data.pop("none"))
got["sample"] = data
try:
    server.nope()
except xmlrpc.client.Fault as fault:
    got["fault"] = fault.faultCode
multi = xmlrpc.client.MultiCall(server)
multi.istats()
multi.values()
istats, values = multi()
got["multicall"] = json.loads(istats) == got["istats"] and values == got["values"]
print(json.dumps(got))
