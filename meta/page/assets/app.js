// The live page of the daemon's monitor. Data flows one way: from the API into the parts, which
// make elements of it.

import { ask, onToken, Refusal, useToken } from './api.js';
import * as cluster from './cluster.js';
import { $, choose, say } from './dom.js';
import * as explorer from './explorer.js';
import * as health from './health.js';
import { Live } from './live.js';
import * as name from './name.js';
import * as panels from './panels.js';
import * as sinks from './sinks.js';
import * as tables from './tables.js';
import * as traffic from './traffic.js';
import { clock, now, seconds, span } from './words.js';

// To list the paths of a great many names costs the daemon memory: then only a search does it.
const few = 10000;

let status = null; // the last one
let flushed = 0; // its flush
let answered = 0; // when it came, by the clock of this host
let problems = ''; // the reasons that the alerts were last read for
let loading = false; // the parts below are being read

// got shows a status. What changes at a flush is read when its number changed.
function got(answer) {
  status = answer.data;
  status.sinks ||= [];
  status.health.reasons ||= [];
  answered = Date.now() / 1000;
  heard();
  header();
  health.show(status);
  panels.show(status);
  sinks.show(status.sinks);
  const reasons = status.health.reasons.map(r => r.id + r.subject + r.state).join();
  if (status.flush.number !== flushed || reasons !== problems) more(reasons);
}

async function more(reasons) {
  if (loading) return;
  loading = true;
  const first = !flushed && !problems;
  flushed = status.flush.number;
  problems = reasons;
  await Promise.all([
    part('panels-note', () => panels.load(status)),
    part('bad-note', async () => tables.bad((await ask('discards')).data, status.lost.bad)),
    part('alert-total', readAlerts),
    part('cluster-note', () => cluster.load(status)),
    ...(first ? [later()] : [name.refresh(), explorer.refresh()]),
  ]);
  loading = false;
}

async function readAlerts() {
  const list = (await ask('alerts', { limit: 10 })).data.alerts || [];
  tables.alerts(list);
  health.told(list);
}

// later reads what a flush does not change, or what is not needed at each flush.
function later() {
  return Promise.all([
    part('config-note', async () => tables.config((await ask('config')).data)),
    traffic.count(''),
    status.names.held <= few && explorer.search(),
  ]);
}

const faults = new Map(); // what a note says of a failure

// part reads a part of the page. If that fails, its note says why until it succeeds.
async function part(note, read) {
  try {
    await read();
    if ($(note).textContent === faults.get(note)) say(note, '');
  } catch (e) {
    faults.set(note, e.message + '.');
    say(note, faults.get(note));
  }
}

function header() {
  say('host', status.host);
  say('about', 'up ' + span(now() - seconds(status.started)) + ', version ' + status.version);
  document.title = (status.health.state === 'ok' ? '' : status.health.state + ': ') + 'statsd ' + status.host;
  const at = seconds(status.flush.at);
  live('ok', at ? 'live, last flush ' + span(now() - at) + ' ago' : 'live, no flush yet');
}

function live(mood, text) {
  $('live-dot').className = 'dot ' + mood;
  say('live-text', text);
}

function heard() {
  $('silence').hidden = true;
  document.body.classList.remove('stale');
}

// silent says that the daemon gives no status.
function silent(error) {
  if (error?.status === 401) return live('degraded', 'a token is needed');
  const since = answered ? ' since ' + clock(answered) : '';
  const what = error instanceof Refusal ? 'The daemon gives no status' + since + ': ' + error.message + '.' : 'No answer' + (since || ' from the daemon') + '.';
  say('silence', what + (answered ? ' What you see is from then. ' : ' ') + 'The page keeps asking.');
  $('silence').hidden = false;
  document.body.classList.add('stale');
  live('failing', 'no answer');
  document.title = 'no answer: statsd' + (status ? ' ' + status.host : '');
}

/* What a person presses. */

function tokens(live) {
  let refused = false;
  onToken((refusal, sent) => {
    if (refused && !sent) return; // "Not now" holds until a token was tried
    say('token-why', (sent ? 'That token does not do: ' : '') + refusal.message + '.' + (refusal.next ? ' ' + refusal.next + '.' : ''));
    $('token').hidden = false;
  });
  $('token').addEventListener('submit', e => {
    e.preventDefault();
    useToken($('token-text').value.trim());
    $('token-text').value = '';
    $('token').hidden = true;
    flushed = 0;
    problems = '';
    live.again();
  });
  $('token-no').addEventListener('click', () => {
    refused = true;
    $('token').hidden = true;
  });
}

function themes() {
  const next = { auto: 'light', light: 'dark', dark: 'auto' };
  let theme = 'auto';
  try { theme = localStorage.getItem('theme') || theme; } catch { /* not allowed: auto */ }
  const wear = () => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    say('theme', 'Theme: ' + theme);
  };
  wear();
  $('theme').addEventListener('click', () => {
    theme = next[theme] || 'auto';
    try { localStorage.setItem('theme', theme); } catch { /* not kept */ }
    wear();
    redraw();
  });
}

function redraw() {
  panels.redraw();
  name.draw();
}

function main() {
  themes();
  traffic.start(chosen => {
    explorer.show(chosen);
    $('explore').scrollIntoView();
  });
  explorer.start();
  name.start();
  tables.startBad();
  tables.startConfig();
  choose('range', [[900, '15 min'], [3600, '1 h'], [21600, '6 h'], [86400, '24 h'], [604800, '7 d']], 3600, chosen => part('panels-note', async () => panels.setRange(chosen, status)));
  const following = new Live({ status: got, silent, rest: () => live('', 'paused' + (answered ? ', as of ' + clock(answered) : '')) });
  tokens(following);
  $('pause').addEventListener('click', () => {
    const paused = $('pause').getAttribute('aria-pressed') !== 'true';
    $('pause').setAttribute('aria-pressed', String(paused));
    say('pause', paused ? 'Go on' : 'Pause');
    following.pause(paused);
  });
  document.addEventListener('keydown', e => {
    if (e.key !== '/' || e.target.closest('input')) return;
    e.preventDefault();
    $('search').focus();
  });
  let wait;
  new ResizeObserver(() => { clearTimeout(wait); wait = setTimeout(redraw, 120); }).observe($('panels'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

main();
