# Prints as JSON what the parsers of Prometheus' Python client read: open or text.
import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

module = openmetrics if sys.argv[1] == "open" else parser
families = module.text_string_to_metric_families(sys.stdin.read())
print(json.dumps([
    {"name": f.name, "type": f.type, "unit": f.unit, "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in f.samples]}
    for f in families
]))
