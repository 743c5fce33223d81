// The explorer: a search box, and what it found.

import { ask } from './api.js';
import { $, fill, h, link, say } from './dom.js';
import * as name from './name.js';
import { grouped, short } from './words.js';

const found = 12; // paths listed

let missed = false; // the last search found nothing

export function start() {
  let wait;
  $('search').addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(search, 250); });
  $('search').addEventListener('keydown', e => {
    if (e.key !== 'Enter') return;
    clearTimeout(wait);
    search(true);
  });
  say('found-note', 'Type a name, a pattern or a line.');
}

const text = () => $('search').value.trim();

// search answers what is in the box. A line is explained. Anything else lists paths; with Enter a
// name is explained too.
export async function search(entered = false) {
  const q = text(), pattern = /[*?[]/.test(q), line = q.includes(':');
  if (line || entered && q && !pattern) await show(q);
  if (line) {
    fill('found');
    missed = false;
    return say('found-note', 'Worked out by the running daemon, with its own settings. The line was not counted.');
  }
  await list(q, pattern ? q : '*' + q.replace(/[\\*?[]/g, '\\$&') + '*');
}

// refresh searches again after a flush if nothing was found: a person may wait for a first sample.
export const refresh = () => missed && search();

async function list(q, match) {
  try {
    const { data } = await ask('values', { match, limit: found });
    if (q !== text()) return;
    const values = data.values || [];
    missed = values.length === 0;
    fill('found', ...values.map(v => h('li', {}, link(v.path, () => show(v.path)), h('span', { class: 'n' }, short(v.value)))));
    const all = grouped(data.held) + ' paths';
    say('found-note', values.length ? (q ? grouped(data.matched) + ' of ' + all + ' match' : all) + (data.matched > values.length ? ', ' + values.length + ' are listed.' : '.')
      : q ? 'No path matches. Enter explains what happened to the name.' : 'Nothing was published yet.');
    if (!name.shown() && !q && values.length) await show(values[0].path);
    mark();
  } catch (e) {
    say('found-note', e.message + '.');
  }
}

// show shows what is known of a name, a path or a line.
export function show(what) {
  const done = name.show(what);
  mark();
  return done;
}

// mark marks what is shown in the list.
function mark() {
  for (const b of $('found').querySelectorAll('button')) b.setAttribute('aria-current', String(b.textContent === name.shown()));
}
