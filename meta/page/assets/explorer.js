// The explorer: a search box, and the list of paths that it found.

import { ask } from './api.js';
import { $, fill, h, link, say } from './dom.js';
import * as name from './name.js';
import { grouped, short } from './words.js';

const found = 12; // maximum number of listed paths

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

// search handles the text of the search box. For a line it shows the explanation. For other text it
// lists the matching paths, and after Enter also explains the text as a name.
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

// refresh searches again after a flush if the last search found nothing, because a sample may have come.
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

// show shows the explanation of a name, a path or a line.
export function show(what) {
  const done = name.show(what);
  mark();
  return done;
}

// mark marks the explained path in the list.
function mark() {
  for (const b of $('found').querySelectorAll('button')) b.setAttribute('aria-current', String(b.textContent === name.shown()));
}
