// Feeds lines to the code of Etsy's statsd in one process and writes what it
// made of each.
//
//   node etsy.js CONFIG STATSD_HOME LINES OUTCOMES
//
// This file is also the server and the backend that CONFIG names, so that no
// code of statsd's parser is replaced. OUTCOMES has a line of JSON for each of
// LINES. Numbers are strings, because JSON has no Infinity.
const fs = require('fs');
const path = require('path');

const [config, home, linesFile, outcomesFile] = process.argv.slice(2);
let receive;

exports.start = (_, callback) => {
  receive = callback;
  return true;
};

exports.init = (_startup, _config, events) => {
  // The first flush hands over the tables, which are never replaced.
  events.once('flush', (_time, tables) => {
    const lines = fs.readFileSync(linesFile);
    const outcomes = [];
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf('\n', start);
      outcomes.push(JSON.stringify(outcome(tables, lines.subarray(start, end))));
      start = end + 1;
    }
    fs.writeFileSync(outcomesFile, outcomes.join('\n') + '\n');
    process.removeAllListeners('exit');
    process.exit(0);
  });
  return true;
};

function outcome(tables, line) {
  const result = {bad: 0, crash: false, counters: {}, gauges: {}, timers: {}, weights: {}, sets: {}};
  try {
    receive(line, {});
  } catch (e) {
    result.crash = true;
  }
  result.bad = tables.counters['statsd.bad_lines_seen'];
  take(tables.counters, key => { result.counters[key] = String(tables.counters[key]); });
  take(tables.gauges, key => { result.gauges[key] = String(tables.gauges[key]); });
  take(tables.timers, key => { result.timers[key] = tables.timers[key].map(String); });
  take(tables.timer_counters, key => { result.weights[key] = String(tables.timer_counters[key]); });
  take(tables.sets, key => { result.sets[key] = tables.sets[key].values(); });
  for (const own of ['bad_lines_seen', 'packets_received', 'metrics_received']) {
    tables.counters['statsd.' + own] = 0;
  }
  return result;
}

function take(table, note) {
  for (const key of Object.keys(table)) {
    if (!key.startsWith('statsd.')) {
      note(key);
      delete table[key];
    }
  }
}

if (require.main === module) {
  require(path.join(home, 'lib/mgmt_server')).start = () => {}; // it would take a port
  process.stdout.write = () => true; // a line for each bad line
  process.argv[2] = config;
  require(path.join(home, 'stats.js'));
}
