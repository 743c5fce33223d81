// Formats numbers and times.

const MINUTE = 60, HOUR = 3600, DAY = 86400;

export const grouped = n => Math.round(n).toLocaleString('en-US');

// short formats a number with about three digits.
export function short(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return '–';
  const size = Math.abs(n);
  if (size >= 999.5e6) return trim(n / 1e9, 2) + ' G';
  if (size >= 999.5e3) return trim(n / 1e6, size < 1e7 ? 2 : 1) + ' M';
  if (size >= 99950) return Math.round(n / 1e3) + ' k';
  if (size >= 100) return grouped(n);
  if (size >= 0.005 || n === 0) return trim(n, size < 10 ? 2 : 1);
  return n.toPrecision(2);
}

const trim = (n, digits) => String(Number(n.toFixed(digits)));

// span formats seconds as a duration.
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE) return s + ' s';
  if (s < HOUR) return Math.floor(s / MINUTE) + ' min' + (s % MINUTE ? ' ' + s % MINUTE + ' s' : '');
  if (s < DAY) return Math.floor(s / HOUR) + ' h ' + Math.floor(s % HOUR / MINUTE) + ' min';
  return Math.floor(s / DAY) + ' d ' + Math.floor(s % DAY / HOUR) + ' h';
}

// brief formats a short duration in seconds, such as the time of a flush.
export function brief(seconds) {
  if (seconds >= 10) return span(seconds);
  if (seconds >= 1) return trim(seconds, 1) + ' s';
  if (seconds >= 1e-3) return trim(seconds * 1e3, seconds < 1e-2 ? 1 : 0) + ' ms';
  return trim(seconds * 1e6, seconds < 1e-5 ? 1 : 0) + ' µs';
}

export function bytes(n) {
  for (const [size, unit] of [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']]) {
    if (n >= size) return trim(n / size, n < 10 * size ? 1 : 0) + ' ' + unit;
  }
  return Math.round(n) + ' bytes';
}

export const percent = part => short(part * 100) + ' %';

// sentence makes the first letter of a text a capital letter, except if the text begins with a name.
export const sentence = text => text.replace(/^[a-z]+(?=[ ,])/, word => word.charAt(0).toUpperCase() + word.slice(1));

export const plural = (n, one, many) => grouped(n) + ' ' + (n === 1 ? one : many || one + 's');

// seconds converts a time of the API to Unix seconds. It returns 0 for an empty time.
export function seconds(text) {
  const ms = Date.parse(text);
  return ms > 0 ? ms / 1000 : 0;
}

// How far the daemon's clock is ahead of the clock of this host, in seconds. Ages are computed by the daemon's clock.
let ahead = 0;
export const now = () => Date.now() / 1000 + ahead;

// setClock sets the daemon's clock from a Date header, which has whole seconds.
export function setClock(date) {
  const unix = Date.parse(date) / 1000 + 0.5;
  if (Math.abs(unix - now()) > 2) ahead = unix - Date.now() / 1000;
}

export const ago = unix => unix ? span(now() - unix) + ' ago' : 'never';

const two = n => String(n).padStart(2, '0');

export function clock(unix) {
  const d = new Date(unix * 1000);
  return two(d.getHours()) + ':' + two(d.getMinutes()) + ':' + two(d.getSeconds());
}

// moment formats a time of today as a clock time, and another time with the day.
export function moment(unix) {
  const d = new Date(unix * 1000);
  if (d.toDateString() === new Date(now() * 1000).toDateString()) return clock(unix);
  return d.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' }) + ' ' + clock(unix);
}

// unquote removes the quotes around a received line, but not its escapes.
export const unquote = line => line.replace(/^"(.*)"(\.\.\.)?$/s, '$1$2');

// cut splits a received line into the text before its bad part, the bad part, and the text after it. The bad part
// begins at byte at and ends before the next separator. An escape such as \xNN counts as one byte.
export function cut(line, at) {
  const pieces = unquote(line).match(/\\x[0-9a-fA-F]{2}|\\.|[^]/g) || [];
  if (!(at > 0) || at >= pieces.length) return [pieces.join(''), '', ''];
  let end = at + 1;
  while (end < pieces.length && !'|:@#'.includes(pieces[end])) end++;
  return [pieces.slice(0, at).join(''), pieces.slice(at, end).join(''), pieces.slice(end).join('')];
}
