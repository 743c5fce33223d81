// A received line, and what happened to it.

import { h } from './dom.js';
import { ago, cut, grouped, seconds } from './words.js';

// lineRow shows a line. alike, if known, is how many lines have its reason and sender.
export function lineRow({ line, at, reason, sender, kind, name, time, alike }) {
  const [before, part, behind] = cut(line, reason ? at : 0);
  const atEnd = reason && at > 0 && !behind; // something is missing there
  return h('li', {},
    h('code', { title: line }, before, part || atEnd ? h('mark', {}, part) : '', behind),
    h('span', { class: 'n' }, seconds(time) ? ago(seconds(time)) : ''),
    h('span', { class: 'by' }, reason || kind + (line.includes(name) ? '' : ' ' + name), from(reason, sender), alike ? ', ' + grouped(alike) + ' alike in 15 min' : ''));
}

// from names the sender. Of good lines it is rarely asked for.
const from = (reason, sender) => sender ? ' from ' + sender : reason ? ' from an unknown sender' : '';
