// Bad lines, alerts and the configuration.

import { ask } from './api.js';
import { $, fill, h, say, share, watching } from './dom.js';
import { telling } from './health.js';
import { lineRow } from './lines.js';
import { looked } from './traffic.js';
import { grouped, moment, now, plural, seconds, short, span } from './words.js';

const lines = 8;
const look = 5; // seconds

let looking = 0; // time of the last look for bad lines, in ms
const stays = 60000; // time for which the lines of a look are shown, in ms

// startBad makes the button that looks for bad lines. The daemon then knows the sender of each bad line.
export function startBad() {
  $('bad-look').addEventListener('click', () => watching('bad-look', 'bad-note', look, async () => {
    const answer = await ask('tail', { bad: true, seconds: look });
    const list = (answer.data.lines || []).toReversed();
    looking = Date.now();
    fill('bad-lines', ...list.slice(0, lines).map(l => lineRow(l)));
    return (answer.data.matched ? plural(answer.data.matched, 'bad line') + ' came. ' : 'No bad line came. ') + looked(answer);
  }));
}

// bad shows the discarded lines and the reasons.
export function bad(d, perSecond) {
  const reasons = Object.entries(d.reasons || {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const total = reasons.reduce((sum, [, n]) => sum + n, 0);
  say('bad-total', total ? grouped(total) + ' since the start, ' + short(perSecond) + '/s in 15 min' : '');
  fill('reason-rows', ...reasons.map(([reason, n]) => h('tr', {}, h('td', {}, h('span', { class: 'mono' }, reason), share(n / reasons[0][1])), h('td', { class: 'n' }, grouped(n)))),
    ...(d.refused || []).map(r => h('tr', {}, h('td', {}, h('span', { class: 'mono' }, r.prefix), h('small', {}, 'refused by --' + r.limit.replace(/^--/, ''))),
      h('td', { class: 'n' }, r.least === r.most ? grouped(r.most) : grouped(r.least) + ' to ' + grouped(r.most)))));
  if (Date.now() - looking < stays) return;
  fill('bad-lines', ...worst(d).slice(0, lines).map(l => lineRow(l)));
  const same = (d.collisions || []).length ? ' Several names share these paths: ' + d.collisions.join(', ') + '.' : '';
  say('bad-note', (total ? 'The daemon keeps the last 100 bad lines. It asks for senders only for a minute after a bad line.' : 'No line was discarded since the start.') + same);
}

// worst lists the last line for each sender and reason, with the number of such lines, and then other lines.
// It lists each text once.
function worst(d) {
  const last = d.lines || [], host = sender => sender.replace(/:\d+$/, '').replace(/[[\]]/g, '');
  const of = a => last.find(l => l.reason === a.reason && host(l.sender) === host(a.sender));
  const counted = (d.alike || []).map(a => ({ line: a.last, at: a.at, reason: a.reason, sender: a.sender, alike: a.count_15m, time: of(a)?.time }));
  const seen = new Set();
  return [...counted.slice(0, lines - 2), ...last].filter(l => !seen.has(l.line) && seen.add(l.line));
}

// alerts shows the last episodes, and the notifiers that got messages.
export function alerts(list) {
  const open = list.filter(a => !seconds(a.ended)).length;
  const untold = list.reduce((n, a) => n + (a.told || []).filter(t => [t.begin, t.end].some(m => m.state === 'given_up')).length, 0);
  say('alert-total', list.length ? grouped(open) + ' going on, ' + grouped(list.length) + ' shown' + (untold ? '; ' + plural(untold, 'notifier') + ' gave up' : '') : '');
  fill('alert-rows', ...(list.length ? list.map(alert) : [h('tr', {}, h('td', { colspan: 4 }, 'Nothing went wrong yet.'))]));
}

const alert = a => h('tr', {},
  h('td', {}, moment(seconds(a.began))),
  h('td', {}, seconds(a.ended) ? span(seconds(a.ended) - seconds(a.began)) : h('span', { class: a.state }, 'going on, ' + span(now() - seconds(a.began)))),
  h('td', {}, h('code', {}, a.reason + (a.subject ? ' ' + a.subject : '')), h('small', {}, a.text)),
  h('td', {}, ...((a.told || []).length ? a.told.flatMap(chips) : [h('span', { class: 'dim' }, 'no notifier')])));

function chips(t) {
  const sent = [['', t.begin], ['end', t.end]].filter(([, m]) => m && m.state !== 'none');
  return sent.map(([which, m]) => h('span', { class: 'chip' + (m.state === 'given_up' ? ' failing' : '') },
    ({ given_up: '✗', waiting: '…' }[m.state] || '✓') + ' ' + t.notifier + (which && ', end') + (m.state === 'given_up' ? ' ' + telling(m) : m.tries > 1 ? ', after ' + m.tries + ' tries' : '')));
}

let all = false, settings = null;

export function startConfig() {
  $('all').addEventListener('click', () => {
    all = !all;
    $('all').setAttribute('aria-pressed', String(all));
    $('all').textContent = all ? 'Show fewer' : 'Show all settings';
    if (settings) config(settings);
  });
}

// config shows settings that differ from the files first, and then settings that differ from the default.
export function config(c) {
  settings = c;
  const set = s => s.source !== 'default', list = c.settings || [], differ = list.filter(s => s.differs);
  say('config-total', plural(list.filter(set).length, 'setting') + ' of ' + list.length + ' set; ' + (differ.length ? plural(differ.length, 'differs', 'differ') + ' from the file' : 'the files say the same'));
  const shown = [...differ, ...list.filter(s => !s.differs && set(s)), ...(all ? list.filter(s => !s.differs && !set(s)) : [])];
  fill('config-rows', ...shown.map(setting));
  say('config-note', c.error ? 'The files cannot be read now: ' + c.error + '.' : '');
}

const setting = s => h('tr', { class: s.differs ? 'differs' : undefined },
  h('td', {}, h('code', {}, s.flag)),
  h('td', {}, h('code', {}, s.value === '' ? '""' : s.value), s.differs ? h('small', {}, 'the file now says ', h('code', {}, s.new === '' ? '""' : s.new), ': ' + (s.restart ? 'a restart applies the change' : 'a reload applies the change')) : ''),
  h('td', { class: s.source === 'default' ? 'dim' : undefined }, s.source));
