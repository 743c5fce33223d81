// A received line, and what became of it.

import { h } from './dom.js';
import { ago, cut, grouped, seconds } from './words.js';

// lineRow shows a line. alike are the counts of lines with the same reason and sender.
export function lineRow(l, alike = []) {
  const [before, part, behind] = l.reason ? cut(l.line, l.at) : cut(l.line, 0);
  const atEnd = l.reason && l.at > 0 && !behind; // something is missing there
  const like = alike.find(a => a.reason === l.reason && a.sender === l.sender);
  return h('li', {},
    h('code', { title: l.line }, before, part || atEnd ? h('mark', {}, part) : '', behind),
    h('span', { class: 'n' }, ago(seconds(l.time))),
    h('span', { class: 'by' }, (l.reason || l.kind + ' ' + l.name) + ' from ' + (l.sender || 'an unknown sender') + (like ? ', ' + grouped(like.count_15m) + ' alike in 15 min' : '')));
}
