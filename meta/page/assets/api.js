// Asks the daemon over its JSON API. This module keeps the token in memory and sends it in a header.
// Streams are read with fetch, because EventSource cannot send a header.

import { setClock } from './words.js';

// The seconds to wait for an answer. The daemon answers within 9 s, except queries that watch the traffic.
const patience = 15;

let token = '', tokenWanted = () => {};

// useToken sets the token for all later requests.
export const useToken = text => { token = text; };

// onToken sets the function that is called with a Refusal when a query needs a token.
export const onToken = f => { tokenWanted = f; };

// Refusal is an answer with a status other than 200.
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
  // Do not ask for a token if the user has entered a new token since the request was sent.
  if (response.status === 401 && sent === token) tokenWanted(refusal, Boolean(token));
  throw refusal;
}

const last = new Map(); // the last answer to each query, by its name

// ask returns the answer to a query. If the daemon reports that an answer has not changed, ask
// returns the previous answer.
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

// events yields [event, data] of a stream until the stream ends or the signal aborts it.
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

// parse reads one event. It returns nothing for a comment.
function parse(block) {
  let event = 'message', data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    if (line.startsWith('data:')) data += line.slice(5).trim();
  }
  return data && [event, JSON.parse(data)];
}

// The maximum number of names in one query about the history.
const names = 8;

// history returns the history of any number of figures or paths: times, and for each name series (the
// values), greatest (the greatest value within each step) and worst (the worst health within each step: 0, 1 or 2).
export async function history(wanted, seconds) {
  const groups = [];
  for (let i = 0; i < wanted.length; i += names) groups.push(wanted.slice(i, i + names));
  const parts = (await Promise.all(groups.map(some => ask('history', { name: some.join(), seconds, points: 360 })))).map(answer => answer.data);
  const first = parts[0], t0 = Date.parse(first.t0) / 1000, length = Math.max(0, ...Object.values(first.series).map(s => s.length));
  const past = { times: Array.from({ length }, (_, i) => t0 + i * first.step), step: first.step, series: {}, greatest: {}, worst: {}, notes: parts.flatMap(p => p.notes || []) };
  for (const part of parts) { // if a flush came between two queries, their answers begin at different times
    const late = Math.round((Date.parse(part.t0) / 1000 - t0) / first.step);
    for (const kind of ['series', 'greatest', 'worst']) {
      for (const [name, values] of Object.entries(part[kind] || {})) past[kind][name] = past.times.map((_, i) => values[i - late] ?? null);
    }
  }
  return past;
}
