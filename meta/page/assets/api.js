// Asks the daemon over its JSON API. The token, if one is needed, lives in this module's memory
// and goes into a header, so streams are read with fetch too: EventSource cannot send it.

import { setClock } from './words.js';

// A question that watches nothing is answered within 9 s.
const patience = 15;

let token = '', tokenWanted = () => {};

// useToken sends this token from now on.
export const useToken = text => { token = text; };

// onToken sets what is called with a Refusal when a question needs a token.
export const onToken = f => { tokenWanted = f; };

// Refusal is an answer other than 200.
export class Refusal extends Error {
  constructor(status, said = {}) {
    super(said.text || 'the daemon answered ' + status);
    this.status = status;
    this.next = said.next || '';
  }
}

async function request(name, parameters, options) {
  const query = new URLSearchParams(parameters);
  const headers = { ...options.headers };
  if (token) headers.Authorization = 'Bearer ' + token;
  const sent = token;
  const response = await fetch('api/v1/' + name + (query.size ? '?' + query : ''), { ...options, headers, cache: 'no-store', credentials: 'omit' });
  setClock(response.headers.get('Date'));
  if (response.ok || response.status === 304) return response;
  const refusal = new Refusal(response.status, (await response.json().catch(() => ({}))).error);
  // Questions that were asked before the token came are asked again by themselves.
  if (response.status === 401 && sent === token) tokenWanted(refusal, Boolean(token));
  throw refusal;
}

const last = new Map(); // the last answer to each question, by its name

// ask returns an answer. An answer that did not change costs the daemon nothing: the same object is
// returned again.
export async function ask(name, parameters = {}) {
  const key = JSON.stringify(parameters), old = last.get(name);
  const headers = { Accept: 'application/json', ...(old && old.key === key && old.etag ? { 'If-None-Match': old.etag } : {}) };
  const wait = patience + Number(parameters.seconds && name !== 'history' && name !== 'prefixes' ? parameters.seconds : 0);
  const response = await request(name, parameters, { headers, signal: AbortSignal.timeout(wait * 1000) });
  if (response.status === 304) return old.answer;
  const answer = await response.json();
  last.set(name, { key, etag: response.headers.get('ETag'), answer });
  return answer;
}

// events yields [event, data] of a stream until it or the signal ends.
export async function* events(name, parameters, signal) {
  const response = await request(name, parameters, { headers: { Accept: 'text/event-stream' }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
  }
}

// parse reads one event. A comment is none.
function parse(block) {
  let event = 'message', data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    if (line.startsWith('data:')) data += line.slice(5).trim();
  }
  return data && [event, JSON.parse(data)];
}

// The most names that one question about the history may have.
const names = 8;

// history returns the past of any number of figures or paths: times, and by name series, greatest
// (the greatest value within each step) and worst (the state of the health then: 0, 1 or 2).
export async function history(wanted, seconds) {
  const groups = [];
  for (let i = 0; i < wanted.length; i += names) groups.push(wanted.slice(i, i + names));
  const parts = (await Promise.all(groups.map(some => ask('history', { name: some.join(), seconds, points: 360 })))).map(answer => answer.data);
  const first = parts[0], t0 = Date.parse(first.t0) / 1000, length = Math.max(0, ...Object.values(first.series).map(s => s.length));
  const past = { times: Array.from({ length }, (_, i) => t0 + i * first.step), step: first.step, series: {}, greatest: {}, worst: {}, notes: parts.flatMap(p => p.notes || []) };
  for (const part of parts) { // a flush may have come between two questions
    const late = Math.round((Date.parse(part.t0) / 1000 - t0) / first.step);
    for (const kind of ['series', 'greatest', 'worst']) {
      for (const [name, values] of Object.entries(part[kind] || {})) past[kind][name] = past.times.map((_, i) => values[i - late] ?? null);
    }
  }
  return past;
}
