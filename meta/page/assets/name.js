// Shows one name, path or line: the daemon's explanation, its values, and their history.

import { ask, history } from './api.js';
import { $, choose, fill, h, link, say, watching } from './dom.js';
import { lineRow } from './lines.js';
import { axis, css, last, shade, timeAxis } from './plot.js';
import { looked } from './traffic.js';
import { ago, clock, plural, seconds, short } from './words.js';

const look = 5; // seconds
const most = 4; // maximum number of lines in the plot
const rows = 8; // maximum number of received lines to show

let minutes = 15, picked = '', paths = [], past = null, plot = null, asked = 0;

// start makes the buttons. show is called with the name that a user chooses.
export function start() {
  choose('span', [[1, '1'], [5, '5'], [15, '15'], [60, '60 min']], minutes, chosen => {
    minutes = chosen;
    refresh(true);
  });
  $('who').addEventListener('click', () => watching('who', 'explain-note', look, async () => {
    await load(look);
    return '';
  }));
  $('watch').addEventListener('click', () => watching('watch', 'explain-note', look, watch));
}

// shown returns the shown name, path or line, or "".
export const shown = () => picked;

export async function show(what) {
  picked = what;
  paths = [];
  past = null;
  say('name', what);
  for (const id of ['explain', 'now', 'at', 'tail', 'explain-note']) fill(id);
  $('who').hidden = $('watch').hidden = true;
  draw();
  await refresh(true);
}

// refresh loads everything again after a flush, at most once a second.
export async function refresh(must = false) {
  if (!picked || !must && Date.now() - asked < 1000) return;
  try {
    await load(0);
  } catch (e) {
    say('explain-note', e.message + '.');
  }
}

// load asks for the explanation, and for the history of the paths that have values. With watchFor, the
// explanation has the senders that were seen in these seconds.
async function load(watchFor) {
  const what = picked;
  asked = Date.now();
  const { data } = await ask('explain', { text: what, seconds: watchFor });
  if (what !== picked) return;
  const values = (data.steps || []).flatMap(s => s.values || []);
  paths = best(values.map(v => v.path));
  steps(data);
  means(values.find(v => v.path === paths[0]));
  const then = paths.length ? await history(paths, minutes * 60) : null;
  if (what !== picked) return;
  past = then;
  draw();
}

// best chooses the paths to plot: for a timer its mean, then its percentiles.
function best(all) {
  const mean = p => /\.mean(;|$)/.test(p), telling = [...all.filter(mean), ...all.filter(p => /\.upper(_[\d_]+)?(;|$)/.test(p))];
  return (telling.length ? telling : all).slice(0, most);
}

// watch shows the received lines of some seconds.
async function watch() {
  const match = picked.split(':')[0];
  const answer = await ask('tail', { match, seconds: look, limit: rows });
  fill('tail', ...(answer.data.lines || []).slice(-rows).map(l => lineRow(l)));
  return (answer.data.matched ? plural(answer.data.matched, 'line') + ' came' : 'No line came') + ' for ' + match + '. ' + looked(answer);
}

function steps(data) {
  const list = data.steps || [];
  $('who').hidden = $('watch').hidden = !data.known || !list.some(s => s.step === 'senders');
  const near = (data.near || []).flatMap((n, i) => [i ? ', ' : '', link(n, () => show(n))]);
  fill('explain', ...list.flatMap(step), ...(near.length ? [h('dt', {}, 'spelt alike'), h('dd', {}, ...near)] : []));
}

function step(s) {
  const sign = s.ok ? h('span', { class: 'ok', role: 'img', 'aria-label': 'good' }, '✓') : h('span', { class: 'failing', role: 'img', 'aria-label': 'not good' }, '✗');
  const said = s.text.replace(' (add --for 5s)', ''); // the page has a button in place of --for
  return [h('dt', {}, sign, ' ', s.step), h('dd', { class: s.ok ? undefined : 'failing' }, said)];
}

function means(v) {
  if (!v) return fill('now');
  const pairs = [['now', v.value], ['1 min', v.m1], ['5 min', v.m5], ['15 min', v.m15], ['least, 15 min', v.min_15m], ['most, 15 min', v.max_15m]];
  fill('now', ...pairs.filter(([key, n]) => key === 'now' || n !== null && n !== undefined).map(([key, n]) => h('div', {}, h('dt', {}, key), h('dd', {}, short(n)))));
  say('at', (v.path === picked ? '' : v.path + ', ') + (seconds(v.time) ? 'published ' + ago(seconds(v.time)) : 'not published yet') + (v.history === false ? '. No history is held of it yet.' : ''));
}

const strokes = () => [[css('--accent'), []], [css('--dim'), [4, 3]], [css('--ok'), [8, 3]], [css('--warn'), [2, 2]]];

// draw makes the plot.
export function draw() {
  plot?.destroy();
  plot = null;
  fill('plot');
  fill('lines');
  if (!past) return;
  const known = paths.filter(p => past.series[p]?.some(v => v !== null)), looks = strokes();
  if (known.length === 0) return say('plot', past.notes[0] || 'No values in this time.');
  if (known.length > 1) fill('lines', ...known.map((p, i) => h('span', {}, ['—', '┄', '╌', '┈'][i] + ' ' + p.split('.').pop())));
  plot = new uPlot({
    width: $('plot').clientWidth, height: 200, padding: [8, 26, 0, 0], legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    axes: [timeAxis(), { ...axis(), size: 56, values: (u, all) => all.map(short) }],
    scales: { x: { range: () => last(minutes * 60, past.times, known.map(p => past.series[p])) }, y: { range: (u, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : high === low ? 1 : 0] } },
    series: [{}, ...known.map((_, i) => ({ stroke: looks[i][0], dash: looks[i][1], width: 1.6, points: { show: minutes <= 5, size: 4 } }))],
    hooks: {
      drawClear: [u => shade(u, past.times, past.worst[known[0]])],
      setCursor: [u => cursor(u, known)],
    },
  }, [past.times, ...known.map(p => past.series[p])], $('plot'));
}

function cursor(u, known) {
  const i = u.cursor.idx;
  if (i === null || i === undefined) return;
  say('at', clock(u.data[0][i]) + '  ' + known.map((p, k) => p.split('.').pop() + ' ' + short(u.data[k + 1][i])).join(', '));
}
