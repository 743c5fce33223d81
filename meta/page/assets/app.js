// The live page of the daemon's monitor. Data flows one way: from the API into the parts of the page,
// which show it.

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

// With more than this number of names, the page lists paths only for a search, because a list of all
// paths would take memory in the daemon.
const few = 10000;

let status = null; // the last status from the daemon
let flushed = 0; // the number of the flush in the last loaded status
let answered = 0; // when the last status came, by the clock of this host
let problems = ''; // the active health reasons in the last loaded status
let loading = false; // the parts that change at a flush are being loaded

// got shows a status. After a new flush, or when the active health reasons change, it also loads the other parts.
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

// later loads the parts that are not loaded at each flush: configuration, prefixes and the list of paths.
function later() {
  return Promise.all([
    part('config-note', async () => tables.config((await ask('config')).data)),
    traffic.count(''),
    status.names.held <= few && explorer.search(),
  ]);
}

const faults = new Map(); // the error that each note shows

// part loads a part of the page. If loading fails, the note shows the error until loading succeeds.
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

// silent shows that no status comes from the daemon.
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

/* Buttons, keys and forms. */

function tokens(live) {
  let refused = false;
  onToken((refusal, sent) => {
    if (refused && !sent) return; // after "Not now", ask again only if a token was sent and refused
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
