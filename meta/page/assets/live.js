// Follows the daemon: one stream while a person looks at the page, none while the tab is hidden.

import { ask, events, Refusal } from './api.js';

const silence = 6000; // ms without a frame, which the daemon sends each second
const pause = 2000; // ms between two polls
const polls = 15; // before a stream that was refused is tried again

// Live calls on.status with each status, on.silent when the daemon gives none, with a Refusal if it
// answers at all, and on.rest when it stops to ask.
export class Live {
  constructor(on) {
    this.on = on;
    this.paused = false;
    this.last = 0; // ms: when the last frame came
    this.began = 0; // ms: since when it asks, 0 while it rests
    this.change = new AbortController();
    document.addEventListener('visibilitychange', () => this.changed());
    setInterval(() => this.watch(), 1000);
    this.run();
  }

  pause(paused) {
    this.paused = paused;
    this.changed();
  }

  // again starts over, for example with a token.
  again() { this.changed(); }

  changed() { this.change.abort(); }

  resting() { return this.paused || document.hidden; }

  async run() {
    for (;;) {
      this.change = new AbortController();
      if (this.resting()) {
        this.began = 0;
        this.on.rest();
        await aborted(this.change.signal);
        continue;
      }
      this.began ||= Date.now();
      const full = await this.stream();
      for (let i = 0; i < polls && !this.change.signal.aborted; i++) {
        if (await this.poll() && !full) break;
        await sleep(pause, this.change.signal);
      }
    }
  }

  // stream reads the stream until it ends. It reports whether the daemon has no stream to give.
  async stream() {
    this.frames = new AbortController();
    this.opened = Date.now();
    const signal = AbortSignal.any([this.change.signal, this.frames.signal]);
    try {
      for await (const [event, answer] of events('live', {}, signal)) {
        if (event === 'status') this.got(answer);
      }
    } catch (e) {
      return e instanceof Refusal;
    } finally {
      this.frames.abort();
      this.frames = null;
    }
    return false;
  }

  async poll() {
    try {
      this.got(await ask('status'));
      return true;
    } catch (e) {
      if (e instanceof Refusal) this.last = Date.now();
      if (!this.resting()) this.on.silent(e);
      return false;
    }
  }

  got(answer) {
    this.last = Date.now();
    try {
      if (!this.resting()) this.on.status(answer);
    } catch (e) {
      reportError(e); // a fault of the page must not look like a fault of the daemon
    }
  }

  // watch ends a stream that went silent, as one of a stopped process or a dead link does.
  watch() {
    const waited = since => Date.now() - Math.max(since, this.last);
    if (this.frames && waited(this.opened) > silence) this.frames.abort();
    if (this.began && waited(this.began) > silence) this.on.silent();
  }
}

const aborted = signal => new Promise(done => signal.addEventListener('abort', done, { once: true }));

const sleep = (ms, signal) => new Promise(done => {
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
});
