// The daemon's health: its state, the active reasons, and the notifiers that got messages.

import { $, command, fill, h, say } from './dom.js';
import { ago, grouped, moment, now, seconds, sentence, span } from './words.js';

export const signs = { ok: '●', note: '○', degraded: '▲', failing: '■' };
const words = { ok: 'Healthy', degraded: 'Degraded', failing: 'Failing' };

export function show(status) {
  const { state, since, reasons } = status.health;
  $('health').className = 'card health ' + state;
  say('health-word', words[state] || state);
  say('health-text', summary(status));
  say('health-since', seconds(since) ? 'for ' + span(now() - seconds(since)) : '');
  fill('reasons', ...reasons.map(reason));
}

function summary({ health, lost, sinks, flush, draining }) {
  const wrong = health.reasons.filter(r => r.state !== 'note').length;
  const first = draining ? 'Draining: /readyz tells clients to go elsewhere. ' : '';
  if (wrong) return first + (wrong === 1 ? 'One thing is wrong:' : wrong + ' things are wrong:');
  const loss = lost.sum_15m > 0 ? grouped(lost.sum_15m) + ' lost in 15 minutes' : 'Nothing was lost in 15 minutes';
  const fed = Math.min(...sinks.map(s => seconds(s.accepted)).filter(Boolean));
  const sent = Number.isFinite(fed) ? ', every sink accepted points in the last ' + span(Math.max(1, Math.ceil(now() - fed))) : '';
  return first + loss + sent + (seconds(flush.at) ? '.' : '. No flush yet.');
}

const reason = r => h('li', {},
  h('span', { class: 'sign ' + r.state, title: r.state, role: 'img', 'aria-label': r.state }, signs[r.state] || signs.degraded),
  h('b', {}, sentence(r.text)),
  h('span', { class: 'since' }, seconds(r.since) ? 'since ' + moment(seconds(r.since)) : ''),
  h('span', { class: 'effect' }, r.effect && sentence(r.effect) + '. ', r.clears && h('span', { class: 'clears' }, 'Ends ' + r.clears + '.')),
  h('span', { class: 'next' }, command(r.next)));

// told shows for each reason which notifiers got a message about it.
export function told(alerts) {
  const open = alerts.filter(a => !seconds(a.ended));
  if (open.length === 0) return say('told', '');
  say('told', open.map(a => {
    const name = a.reason + (a.subject ? ' ' + a.subject : '');
    const who = (a.told || []).filter(t => t.begin.state !== 'none').map(t => t.notifier + ' ' + telling(t.begin));
    return name + ': ' + (who.length ? who.join(', ') : 'no notifier was told');
  }).join('. ') + '.');
}

// telling returns a text about the delivery of one message.
export function telling({ state, time, tries, error }) {
  if (state === 'given_up') return 'was not told' + (error ? ': ' + error : '');
  if (state === 'waiting') return 'is being told' + (error ? ': ' + error : '');
  return 'was told ' + ago(seconds(time)) + (tries > 1 ? ' after ' + tries + ' tries' : '');
}
