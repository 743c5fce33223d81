// Hot names, for which the daemon watches the traffic on request, and prefixes with their numbers of names.

import { ask } from './api.js';
import { $, choose, fill, h, link, say, share, watching } from './dom.js';
import { clock, grouped, moment, percent, plural, seconds, short, span } from './words.js';

const look = 5; // seconds
const rows = 8;

let by = 'name';
const tops = {}; // the last answer for each value of by

// start makes the buttons. explore shows the explanation of a name.
export function start(explore) {
  const show = () => drawTop(explore);
  choose('top-by', ['name', 'prefix', 'sender', 'kind'].map(b => [b, b]), by, chosen => { by = chosen; say('top-note', show()); });
  $('look').addEventListener('click', () => watch(show));
  $('count').addEventListener('click', () => count(within));
  say('top-note', show());
}

// watch asks the daemon to watch its traffic for some seconds.
function watch(show) {
  const wanted = by;
  return watching('look', 'top-note', look, async () => {
    tops[wanted] = await ask('top', { by: wanted, seconds: look });
    return show();
  });
}

// drawTop shows the last answer, and returns a text about the watched traffic.
function drawTop(explore) {
  const answer = tops[by];
  const headings = { name: 'Name', prefix: 'Prefix', sender: 'Sender', kind: 'Kind' };
  document.querySelector('.top-table th').textContent = headings[by];
  if (!answer) {
    fill('top-rows');
    return 'Nothing watches the traffic until you ask.';
  }
  const entries = answer.data.entries || [], most = entries[0]?.rate || 1;
  fill('top-rows', ...entries.slice(0, rows).map(e => h('tr', {},
    h('td', {}, by === 'name' ? link(e.name, () => explore(e.name)) : h('code', {}, e.name), share(e.rate / most)),
    h('td', { class: 'dim' }, e.kind !== by && e.kind || percent(e.share)), h('td', { class: 'n' }, short(e.rate) + '/s'))));
  return (entries.length ? '' : 'No sample came. ') + looked(answer) + bounds(answer.data);
}

// looked returns a text about the part of the traffic that the daemon watched for an answer.
export function looked({ looked_at: at, as_of }) {
  if (!at) return 'As of ' + clock(seconds(as_of)) + '. ';
  return 'Watched ' + moment(seconds(as_of)) + ' for ' + short(at.seconds) + ' s, ' + (at.every > 1 ? 'one batch in ' + at.every : 'every batch') + '. ';
}

function bounds(top) {
  return (top.error ? 'Rates within ' + percent(top.error) + '. ' : '') + (top.unseen_below ? 'Below ' + short(top.unseen_below) + '/s may be missing. ' : '');
}

let within = '';

// count asks for the prefixes below a prefix, or with "" for the first parts of all names.
export async function count(prefix) {
  within = prefix;
  $('count').setAttribute('aria-disabled', 'true');
  try {
    drawPrefixes(await ask('prefixes', { prefix, limit: 7 }));
  } catch (e) {
    say('prefix-note', e.message + '.');
  }
  $('count').removeAttribute('aria-disabled');
}

function drawPrefixes({ data, as_of, took_ms, complete }) {
  const list = data.prefixes || [], parts = within.split('.').filter(Boolean);
  fill('crumbs', link('all names', () => count('')),
    ...parts.flatMap((part, i) => [' › ', link(part, () => count(parts.slice(0, i + 1).join('.') + '.'))]));
  const over = seconds(as_of) - seconds(data.since), young = list.every(p => p.new === p.names);
  document.querySelector('.prefix-table th:last-child').textContent = 'New, ' + span(over < 60 ? over : 60 * Math.round(over / 60));
  // If all names are new, the daemon started a short time ago, and no prefix is marked.
  fill('prefix-rows', ...list.map(p => prefixRow({ ...p, many_new: p.many_new && !young })), data.others?.names ? prefixRow({ ...data.others, prefix: 'all others' }, true) : '');
  say('prefix-note', (list.length ? '' : 'There is none. ') + plural(data.held, 'name') + (complete ? ', all counted' : ', not all counted') +
    ', in ' + span(took_ms / 1000).replace(/^0 s$/, 'less than 1 s') + ', at ' + clock(seconds(as_of)) + (data.error ? '; new ones within ' + grouped(data.error) : '') + '.');
}

const prefixRow = (p, others = false) => h('tr', {},
  h('td', {}, others ? h('span', { class: 'dim' }, p.prefix) : p.prefix.endsWith('.') ? link(p.prefix, () => count(p.prefix)) : h('code', {}, p.prefix), share(p.share, p.many_new)),
  h('td', { class: 'n' }, grouped(p.names)),
  h('td', { class: 'n' + (p.many_new ? ' degraded' : '') }, (p.many_new ? '▲ ' : '') + (p.at_least ? '≥ ' : '') + (p.new ? '+' : '') + grouped(p.new), p.gone ? h('small', {}, '−' + grouped(Math.abs(p.gone)) + ' gone') : ''));
