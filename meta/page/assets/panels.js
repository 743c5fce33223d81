// The six figures at the top, each with a curve of the chosen time. They share one cursor.

import { history } from './api.js';
import { $, h } from './dom.js';
import { css, dashes, last, shade } from './plot.js';
import { brief, bytes, grouped, moment, now, seconds, short } from './words.js';

// parts returns the names of the figures of all sinks that end in one of the given words.
const parts = (sinks, ...ends) => sinks.flatMap(s => ends.map(end => (s.name === 'forward' ? 'forward.rows.' : 'sink.' + s.name + '.points.') + end));

// Each panel has these members. lines has the names of figures to add up, for each curve. big and sub return
// the texts of the current status. at returns the text for a point of the curves. With peaks, a curve shows the
// greatest value of each step, not the mean.
const panels = [
  {
    title: 'Received', lines: () => [['samples.received']],
    big: s => [short(s.received.samples), 'samples/s'],
    sub: s => [short(s.received.datagrams) + ' datagrams/s · ' + grouped(s.received.connections) + ' TCP connections'],
    at: v => short(v) + '/s',
  },
  {
    title: 'Lost', lines: s => [['udp.kernel_dropped', 'samples.refused.names', 'samples.refused.members', ...parts(s.sinks, 'dropped')], ['metrics.discarded']], colors: ['--warn', '--accent'], peaks: true,
    big: s => [grouped(s.lost.sum_15m), 'in 15 min'],
    sub: s => [['kernel', 'kernel'], ['bad', 'bad'], ['refused', 'refused'], ['dropped', 'dropped']]
      .map(([key, text], i) => h('span', { class: s.lost[key] > 0 && key !== 'bad' ? 'degraded' : undefined }, (i ? ' · ' : '') + text + ' ' + short(s.lost[key]) + (i === 3 ? ' /s' : ''))),
    at: (lost, bad) => short(lost) + '/s lost, ' + short(bad) + '/s bad',
  },
  {
    title: 'Names', lines: () => [['names']], limit: s => s.names.limit,
    big: s => [short(s.names.held), s.names.limit ? 'of ' + short(s.names.limit) : 'known'],
    sub: s => [h('span', { class: s.names.grown_15m > s.names.held / 10 && s.names.held > 1000 ? 'degraded' : undefined }, (s.names.grown_15m < 0 ? '−' : '+') + short(Math.abs(s.names.grown_15m))), ' in 15 min',
      s.cost.bytes_per_name && s.names.held >= 1000 ? ' · ' + bytes(s.cost.bytes_per_name) + ' each' : ''],
    at: v => grouped(v),
  },
  {
    title: 'Waiting for sinks', lines: s => [parts(s.sinks, 'queued', 'spooled')], colors: ['--warn'],
    big: s => [grouped(s.sinks.reduce((sum, k) => sum + k.waiting, 0)), 'points'],
    sub: s => [waitingFor(s.sinks), s.sinks.some(k => k.dropped) ? ' · ' + grouped(s.sinks.reduce((sum, k) => sum + k.dropped, 0)) + ' lost' : ' · none lost'],
    at: v => grouped(v) + ' points',
  },
  {
    title: 'Flush', peaks: true, lines: () => [['flush_duration']],
    big: s => [brief(s.flush.took), 'of ' + brief(s.flush.interval)],
    sub: s => ['receivers delayed ' + brief(s.flush.held_up) + ' · ' + (s.flush.late ? grouped(s.flush.late) + ' late' : 'none late')],
    at: v => brief(v),
  },
  {
    title: 'Cost', lines: () => [['cpu.used']],
    big: s => [s.cost.cores.toFixed(2), 'cores'],
    sub: s => [bytes(s.cost.memory) + (s.cost.micros_per_sample ? ' · ' + brief(s.cost.micros_per_sample / 1e6) + ' a sample' : '')],
    at: v => short(v) + ' cores',
  },
];

function waitingFor(sinks) {
  const waiting = sinks.filter(s => s.waiting);
  if (waiting.length === 0) return sinks.length ? 'for no sink' : 'no sink is configured';
  return 'for ' + waiting.map(s => s.name).join(', ');
}

let range = 3600, past = null, asked = 0, shownSinks = '';

// show shows the texts of a status.
export function show(status) {
  for (const p of panels) {
    if (!p.el) make(p);
    const [n, unit] = p.big(status);
    write(p.big1, n, ' ', h('small', {}, unit));
    write(p.sub1, ...p.sub(status));
    p.limited = p.limit?.(status);
  }
}

function write(place, ...content) {
  const fresh = h('p', {}, ...content);
  if (fresh.innerHTML !== place.innerHTML) place.replaceChildren(...fresh.childNodes);
}

function make(p) {
  Object.assign(p, { big1: h('p', { class: 'big' }), sub1: h('p', { class: 'sub' }), time: h('span', { class: 'time' }), spark: h('div', { class: 'spark', 'aria-hidden': 'true' }) });
  p.el = h('div', { class: 'panel' }, h('div', {}, h('h2', {}, p.title, p.time), p.big1, p.sub1), p.spark);
  $('panels').append(p.el);
}

// load loads the curves. Without must it does nothing until a new point can exist.
export async function load(status, must = false) {
  const names = status.sinks.map(s => s.name).join();
  must ||= names !== shownSinks;
  if (!must && past && Date.now() - asked < past.step * 500) return;
  asked = Date.now();
  shownSinks = names;
  const young = Math.max(60, Math.ceil(now() - seconds(status.started)));
  past = await history([...new Set(panels.flatMap(p => p.lines(status).flat()))], Math.min(range, young));
  for (const p of panels) p.data = [past.times, ...p.lines(status).map(figures => sum(figures, p.peaks ? past.greatest : past.series))];
  draw();
}

// sum adds up the values of some figures. The sum is null at times without a value.
function sum(figures, all) {
  const series = figures.map(f => all[f]).filter(Boolean);
  return past.times.map((_, i) => series.reduce((total, s) => s[i] === null || s[i] === undefined ? total : (total || 0) + s[i], null));
}

// setRange sets the time span of the curves, in seconds.
export function setRange(seconds, status) {
  range = seconds;
  return status && load(status, true);
}

// redraw makes all plots again, after a change of the colours or the width.
export function redraw() {
  for (const p of panels) {
    p.plot?.destroy();
    p.plot = null;
  }
  draw();
}

function draw() {
  if (!past) return;
  for (const p of panels) {
    if (!p.el || !p.data) continue;
    if (p.plot) p.plot.setData(p.data);
    else p.plot = new uPlot(options(p), p.data, p.spark);
  }
}

function options(p) {
  const colors = p.colors || ['--accent'];
  const line = i => ({ stroke: css(colors[i]), width: 1.4, fill: i === 0 ? css(colors[0]) + '22' : undefined, points: { show: false } });
  return {
    width: p.spark.clientWidth, height: 52, padding: [6, 0, 2, 0], legend: { show: false },
    cursor: { y: false, sync: { key: 'panels' }, drag: { x: false, y: false }, points: { size: 6 } },
    axes: [{ show: false }, { show: false }],
    scales: { x: { range: () => last(range, p.data[0], p.data.slice(1)) }, y: { range: (u, low, high) => extent(p, low, high) } },
    series: [{}, ...p.data.slice(1).map((_, i) => line(i))],
    hooks: {
      drawClear: [u => shade(u, past.times, Object.values(past.worst)[0])],
      draw: [u => nearLimit(p, u.scales.y.max) && dashes(u, p.limited)],
      setCursor: [u => point(p, u)],
    },
  };
}

// nearLimit reports whether to show the limit. If all values were far below the limit, the curve would be flat.
const nearLimit = (p, high) => p.limited > 0 && high > p.limited / 2;

const extent = (p, low, high) => nearLimit(p, high) ? [0, p.limited * 1.05] : [0, high * 1.12 || 1];

function point(p, u) {
  const i = u.cursor.idx, values = u.data.slice(1).map(s => s[i]);
  const known = i !== null && i !== undefined && values.some(v => v !== null && v !== undefined);
  p.time.textContent = known ? moment(u.data[0][i]) + '  ' + p.at(...values) : '';
}
