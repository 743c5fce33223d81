// The explorer: a search box, what it found, and everything that is known of one name or path.

import { ask, history } from './api.js';
import { $, choose, fill, h, link, say, watching } from './dom.js';
import { lineRow } from './lines.js';
import { axis, css, last, shade, timeAxis } from './plot.js';
import { looked } from './traffic.js';
import { ago, clock, grouped, plural, seconds, short } from './words.js';

const found = 12; // paths listed
const look = 5; // seconds
const most = 4; // lines in the plot
const lines = 20; // received lines shown

let minutes = 15, picked = '', paths = [], past = null, plot = null, asked = 0;

export function start() {
  choose('span', [[1, '1'], [5, '5'], [15, '15'], [60, '60 min']], minutes, chosen => {
    minutes = chosen;
    draw();
    load();
  });
  let wait;
  $('search').addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(search, 250); });
  $('search').addEventListener('keydown', e => {
    if (e.key !== 'Enter') return;
    clearTimeout(wait);
    search(true);
  });
  $('who').addEventListener('click', () => watching('who', 'explain-note', look, async () => {
    await read(picked, look);
    return '';
  }));
  $('watch').addEventListener('click', () => watching('watch', 'explain-note', look, watch));
  clear('Type a name, a pattern or a line, or choose a path.');
}

const text = () => $('search').value.trim();

// search answers what is in the box. A line is explained. Anything else lists paths; with Enter a
// name is explained too.
export async function search(entered = false) {
  const q = text(), pattern = /[*?[]/.test(q);
  const line = q.includes(':');
  if (line || entered && q && !pattern) await explore(q);
  if (line) {
    fill('found');
    return say('found-note', 'Worked out by the running daemon, with its own settings. The line was not counted.');
  }
  await list(q, pattern ? q : '*' + q.replace(/[\\*?[]/g, '\\$&') + '*');
}

async function list(q, match) {
  try {
    const { data } = await ask('values', { match, limit: found });
    if (q !== text()) return;
    const values = data.values || [];
    fill('found', ...values.map(v => h('li', {}, link(v.path, () => pick(v.path), { 'aria-current': String(v.path === picked) }),
      h('span', { class: 'n' }, short(v.value)))));
    const all = grouped(data.held) + ' paths';
    say('found-note', values.length ? (q ? grouped(data.matched) + ' of ' + all + ' match' : all) + (data.matched > values.length ? ', ' + values.length + ' are listed.' : '.')
      : q ? 'No path matches. Enter explains what became of the name.' : 'Nothing was published yet.');
    if (!picked && !q && values.length) await pick(values[0].path);
  } catch (e) {
    say('found-note', e.message + '.');
  }
}

// pick shows a path of the list.
async function pick(path) {
  title(path, [path]);
  await Promise.all([load(), facts(path)]);
}

// explore explains a name or a line, and shows the paths of a name.
export async function explore(name) {
  title(name, []);
  await explain(name);
  await load();
}

function title(name, of) {
  picked = name;
  paths = of;
  past = null;
  say('name', name);
  clear('');
  for (const b of $('found').querySelectorAll('button')) b.setAttribute('aria-current', String(b.textContent === name));
}

function clear(note) {
  for (const id of ['explain', 'now', 'at', 'tail']) fill(id);
  $('who').hidden = $('watch').hidden = true;
  say('explain-note', note);
  draw();
}

// facts shows what is known of a path, beside its values. The daemon may not know it as a name.
async function facts(path) {
  try {
    const { data } = await ask('explain', { text: path, seconds: 0 });
    if (path === picked && data.known) steps(data, false);
  } catch { /* the plot says enough */ }
}

async function explain(name) {
  try {
    await read(name, 0);
  } catch (e) {
    if (name === picked) say('explain-note', e.message + '.');
  }
}

// read reads the explanation of a name or a line, with its senders if it watches for some seconds.
async function read(name, watch) {
  const { data } = await ask('explain', { text: name, seconds: watch });
  if (name === picked) steps(data, true);
}

// watch shows the lines that come for what is in the box, or what is shown.
async function watch() {
  const q = text(), name = /[*?[]/.test(q) ? q : picked;
  const answer = await ask('tail', { match: name, seconds: look, limit: lines });
  fill('tail', ...(answer.data.lines || []).slice(-lines).map(l => lineRow(l)));
  return (answer.data.matched ? plural(answer.data.matched, 'line') + ' matched' : 'No line came') + ' for ' + name + '. ' + looked(answer);
}

// steps lists the steps of an explanation. Those with own figures are drawn above already.
function steps(data, own) {
  const list = data.steps || [], published = list.find(s => s.step === 'published')?.paths || [];
  if (own && published.length && paths.length === 0) paths = best(published);
  $('who').hidden = $('watch').hidden = !data.known || !list.some(s => s.step === 'senders');
  const near = (data.near || []).flatMap((n, i) => [i ? ', ' : '', link(n, () => explore(n))]);
  fill('explain', ...list.flatMap(step), ...(near.length ? [h('dt', {}, 'spelt alike'), h('dd', {}, ...near)] : []));
}

function step(s) {
  const sign = s.ok ? h('span', { class: 'ok', role: 'img', 'aria-label': 'good' }, '✓') : h('span', { class: 'failing', role: 'img', 'aria-label': 'not good' }, '✗');
  const more = (s.paths || []).filter(p => !s.text.includes(p));
  const said = s.text.replace(' (add --for 5s)', ''); // the page has a button for that
  return [h('dt', {}, sign, ' ', s.step), h('dd', { class: s.ok ? undefined : 'failing' }, said, more.length ? h('small', {}, h('code', {}, more.join(' '))) : '')];
}

// best chooses the paths of a name that say most: of a timer its mean and its percentiles.
function best(published) {
  const telling = published.filter(p => /\.(mean|upper|upper_[\d_]+)(;|$)/.test(p));
  return (telling.length ? telling : published).slice(0, most);
}

// load asks for the values and the history of what is shown.
export async function load() {
  if (paths.length === 0) return draw();
  const name = picked;
  asked = Date.now();
  try {
    const [past1, values] = await Promise.all([history(paths, minutes * 60), ask('values', { match: paths[0].replace(/[\\*?[]/g, '\\$&'), limit: 1 })]);
    if (name !== picked) return;
    past = past1;
    means(values.data.values?.[0]);
    draw();
  } catch (e) {
    if (name === picked) say('explain-note', e.message + '.');
  }
}

// refresh loads after a flush, at most once a second.
export function refresh() {
  if (Date.now() - asked > 1000) load();
}

function means(v) {
  if (!v) return fill('now');
  const pairs = [['now', v.value], ['1 min', v.m1], ['5 min', v.m5], ['15 min', v.m15], ['least, 15 min', v.min_15m], ['most, 15 min', v.max_15m]];
  fill('now', ...pairs.filter(([key, n]) => key === 'now' || n !== null && n !== undefined).map(([key, n]) => h('div', {}, h('dt', {}, key), h('dd', {}, short(n)))));
  say('at', (paths[0] === picked ? '' : paths[0] + ', ') + (seconds(v.time) ? 'published ' + ago(seconds(v.time)) : 'not published yet') + (v.history === false ? '. No history is held of it yet.' : ''));
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
    width: $('plot').clientWidth, height: 200, padding: [8, 8, 0, 0], legend: { show: false },
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
