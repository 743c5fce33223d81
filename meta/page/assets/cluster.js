// The part of the page about the daemon's cluster. It is hidden if the daemon is in no cluster.

import { ask } from './api.js';
import { $, fill, h, say } from './dom.js';
import { signs } from './health.js';
import { ago, brief, grouped, percent, plural, seconds, span } from './words.js';

export async function load(status) {
  for (const id of ['cluster', 'cluster-link']) $(id).hidden = !status.cluster;
  if (status.cluster) show((await ask('cluster')).data);
}

function show(c) {
  say('cluster-about', c.collects ? c.address + ', owner ' + c.id : '');
  $('partitions').hidden = $('edges').hidden = !c.collects || c.fault !== '';
  fill('partition-rows', ...(c.partitions || []).map(partition));
  fill('edge-rows', ...((c.edges || []).length ? c.edges.map(edge) : [h('tr', {}, h('td', { colspan: 6 }, 'No edge daemon has sent anything yet.'))]));
  fill('cluster-facts', ...(c.collects ? owner(c) : []), ...(c.forwards ? forward(c.forward) : []));
}

const mark = (mood, text) => h('span', { class: mood }, signs[mood] + ' ' + text);
const number = (n, label, bad) => h('td', { class: 'n' + (n > 0 && bad ? ' ' + bad : n > 0 ? '' : ' none'), 'data-label': label }, grouped(n));

function partition(p) {
  const owner = p.unowned ? mark('failing', 'none, was ' + p.owner) : p.owner ? mark('ok', p.owner) : mark('degraded', 'none yet');
  return h('tr', {},
    h('td', {}, String(p.partition)),
    h('td', {}, owner, p.fault ? h('small', {}, p.fault) : ''),
    h('td', { class: 'n', 'data-label': 'Newest interval' }, seconds(p.head) ? span(p.head_age) + ' ago' : 'none'),
    number(p.lag, 'Lag'), number(p.edges, 'Edges'), number(p.corrected, 'Corrected'), number(p.late, 'Late', 'degraded'), number(p.duplicates, 'Twice'),
    number(p.missing, 'Missing', 'degraded'), number(p.fenced, 'Fenced'),
    h('td', { class: 'n', 'data-label': 'Full' }, percent(p.full)));
}

// clock returns the text about the clock of an edge. Differences below 0.1 s are the time that messages take.
const clock = ahead => Math.abs(ahead) < 0.1 ? 'ok' : brief(Math.abs(ahead)) + (ahead > 0 ? ' ahead' : ' behind');

const edge = e => h('tr', {},
  h('td', {}, h('b', {}, e.edge)),
  h('td', {}, e.silent ? mark('failing', 'silent') : mark('ok', 'ok')),
  h('td', { class: 'n', 'data-label': 'Heard' }, ago(seconds(e.heard))),
  h('td', { class: 'n', 'data-label': 'Interval' }, grouped(e.number)),
  h('td', { class: 'n', 'data-label': 'Samples' }, grouped(e.samples)),
  h('td', { class: 'n', 'data-label': 'Clock' }, clock(e.ahead)));

const fact = (name, ...words) => [h('dt', {}, name), h('dd', {}, ...words)];
const off = n => n ? [' ', mark('failing', 'does not balance: off by ' + n)] : [];
const some = pairs => pairs.filter(([, n]) => n > 0).map(([what, n]) => what + ' ' + grouped(n)).join(', ');

function owner(c) {
  if (c.fault) return fact('Fault', mark('failing', c.fault));
  const l = c.ledger;
  const became = some([['merged', l.merged], ['duplicates', l.duplicates], ['late', l.late], ['damaged', l.damaged], ['foreign', l.foreign], ['future', l.future], ['held', l.held], ['lag', l.lag]]);
  return [
    ...fact('Messages', 'stored ' + grouped(l.stored) + (became && ': ' + became), ...off(l.difference)),
    ...fact('Samples', 'merged ' + grouped(l.samples) + ', ', l.lost > 0 ? mark('degraded', 'lost ' + grouped(l.lost)) : 'lost 0'),
    ...(l.missing > 0 ? fact('Missing', mark('degraded', plural(l.missing, 'message') + ' of edge daemons never came')) : []),
  ];
}

// moods are the CSS classes for the states of an edge.
const moods = { ok: 'ok', behind: 'degraded', waiting: 'failing', FAILING: 'failing' };

function forward(f) {
  const mood = moods[f.state] || 'degraded', waiting = f.queued + f.spooled;
  const unowned = (f.unowned || []).length;
  return [
    ...fact('Forwards', 'to ', h('code', {}, f.address), ' as ', h('b', {}, f.edge), ' ', mark(mood, f.state.toLowerCase()), f.error || f.waits ? h('small', {}, f.error || f.waits) : ''),
    ...fact('Rows', 'made ' + grouped(f.made) + ', recovered ' + grouped(f.recovered) + ', acknowledged ' + grouped(f.acknowledged) + ', waiting ' + grouped(waiting) + ', ',
      f.dropped > 0 ? mark('failing', 'dropped ' + grouped(f.dropped) + ' (' + some(Object.entries(f.reasons || {})) + ')') : 'dropped 0', ...off(f.difference)),
    ...(f.behind > 0 && waiting ? fact('Behind', span(f.behind)) : []),
    ...(unowned ? fact('Owners', mark('failing', plural(unowned, 'partition has', 'partitions have') + ' no owner')) : []),
  ];
}
