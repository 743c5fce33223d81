// Shows a received line, and how the daemon handled it.

import { h } from './dom.js';
import { ago, cut, grouped, seconds } from './words.js';

// lineRow shows a line. alike, if known, is the number of lines with the same reason and sender.
export function lineRow({ line, at, reason, sender, kind, name, time, alike }) {
  const [before, part, behind] = cut(line, reason ? at : 0);
  const atEnd = reason && at > 0 && !behind; // the bad part is at the end of the line, where text is missing
  return h('li', {},
    h('code', { title: line }, before, part || atEnd ? h('mark', {}, part) : '', behind),
    h('span', { class: 'n' }, seconds(time) ? ago(seconds(time)) : ''),
    h('span', { class: 'by' }, reason || kind + (line.includes(name) ? '' : ' ' + name), from(reason, sender), alike ? ', ' + grouped(alike) + ' alike in 15 min' : ''));
}

// from names the sender. For good lines without a sender it returns no text, because the daemon rarely knows it.
const from = (reason, sender) => sender ? ' from ' + sender : reason ? ' from an unknown sender' : '';
