// The table of sinks.

import { fill, h } from './dom.js';
import { signs } from './health.js';
import { ago, bytes, clock, grouped, plural, seconds, short, span } from './words.js';

// moods are the CSS classes for the states of a sink.
const moods = { ok: 'ok', behind: 'degraded', FAILING: 'failing', ending: 'degraded' };

export function show(sinks) {
  if (sinks.length === 0) {
    fill('sink-rows', h('tr', {}, h('td', { colspan: 7 }, 'No sink is configured: nothing is published.')));
    return;
  }
  fill('sink-rows', ...sinks.flatMap(s => [row(s), ...(s.conflicts || []).map(conflict)]));
}

function row(s) {
  const mood = moods[s.state] || 'degraded', accepted = seconds(s.accepted);
  return h('tr', {},
    h('td', {}, h('span', { class: mood }, signs[mood] + ' ' + s.state.toLowerCase())),
    h('td', {}, h('b', {}, s.name), h('small', {}, h('code', {}, s.address))),
    h('td', { class: 'n', 'data-label': 'Last accepted' }, ago(accepted), ' ', accepted ? h('small', {}, clock(accepted)) : ''),
    h('td', { class: 'n' + (s.waiting || s.behind > 0 ? '' : ' none'), 'data-label': 'Behind' }, ...behind(s)),
    h('td', { class: 'n', 'data-label': 'Points a second' }, short(s.per_second)),
    h('td', { class: 'n' + (s.dropped ? ' failing' : ' none'), 'data-label': 'Lost' }, grouped(s.dropped)),
    h('td', { 'data-label': 'Last error' }, ...trouble(s)));
}

// conflict shows a name that a Prometheus sink cannot show, or shows in another way.
function conflict(c) {
  return h('tr', {}, h('td', { colspan: 7 }, h('span', { class: 'degraded' }, signs.degraded + ' ' + c.reason), ' ', h('code', {}, c.subject), ' ',
    c.text, ' ', h('small', {}, plural(c.count, 'time'))));
}

function behind(s) {
  if (!s.waiting && !(s.behind > 0)) return ['–'];
  return [plural(s.waiting, 'point'), ' ', h('small', {}, span(s.behind))];
}

function trouble(s) {
  const facts = [];
  if (s.attempts && s.error) facts.push(plural(s.attempts, 'attempt') + (s.next_in > 0 ? ', next in ' + span(s.next_in) : ''));
  for (const [name, store] of [['queue', s.queue], ['spool', s.spool]]) {
    if (store.points) facts.push(name + ' ' + bytes(store.bytes) + ' of ' + bytes(store.max_bytes));
  }
  if (s.full_in > 0) facts.push('full in ' + span(s.full_in));
  return [s.error, s.error && ' ', facts.length ? h('small', {}, facts.join(' · ')) : ''];
}
