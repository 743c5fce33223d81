// Reads the daemon's status: over one stream while the page is visible, and not while the tab is hidden.

import { ask, events, Refusal } from './api.js';

const silence = 6000; // ms without a frame, which the daemon sends each second
const pause = 2000; // ms between two polls
const polls = 15; // number of polls before a refused stream is tried again

// Live calls on.status with each status. It calls on.silent when no status comes, with a Refusal if the daemon
// answers with an error. It calls on.rest when it stops asking.
export class Live {
  constructor(on) {
    this.on = on;
    this.paused = false;
    this.last = 0; // time of the last frame, in ms
    this.began = 0; // time since which the page asks, in ms; 0 while it does not ask
    this.change = new AbortController();
    document.addEventListener('visibilitychange', () => this.changed());
    setInterval(() => this.watch(), 1000);
    this.run();
  }

  pause(paused) {
    this.paused = paused;
    this.changed();
  }

  // again connects again, for example with a new token.
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

  // stream reads the stream until it ends. It returns true if the daemon refused the stream.
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
      reportError(e); // an error of the page must not look like an error of the daemon
    }
  }

  // watch ends a silent stream, for example if the process is stopped or the network is down.
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
