'use strict';
// Has the main thread publish its figures in the middle of a loop: what comes through the inspector interrupts
// JavaScript wherever it is.

const { PUBLISH } = require('./state');

const MAIN = 0;
const PATIENCE = 20; // milliseconds, for the answer

class Interrupt {
  #threadTable;
  #mayAsk;
  #late;
  #sleep;
  #session;
  #asked; // what publishedAt was then

  /** Asks when figures are older than `late` ms, if it `mayAsk`; `sleep(ms)` is how to wait for the answer. */
  constructor(threadTable, { mayAsk, late, sleep }) {
    this.#threadTable = threadTable;
    this.#mayAsk = mayAsk;
    this.#late = late;
    this.#sleep = sleep;
  }

  get #publishedAt() {
    return this.#threadTable.threads().find(({ threadId }) => threadId === MAIN)?.publishedAt;
  }

  #connect() {
    try {
      const { Session } = require('node:inspector');
      const session = new Session();
      session.connectToMainThread();
      return session;
    } catch {
      this.#mayAsk = false; // this Node has no inspector, or the program may not use it
      return undefined;
    }
  }

  /** Has figures that are late published, if the main thread is where it can be asked. Returns whether it was. */
  refresh() {
    const last = this.#publishedAt;
    if (last === undefined || Date.now() - last <= this.#late || this.#asked === last) return false;
    if (!this.#mayAsk) return false;
    this.#session ??= this.#connect();
    if (this.#session === undefined) return false;
    this.#asked = last;
    const expression = `globalThis[Symbol.for('${PUBLISH}')]()`;
    this.#session.post('Runtime.evaluate', { expression, silent: true }, () => {});
    for (let waited = 0; waited < PATIENCE && this.#publishedAt === last; waited++) this.#sleep(1);
    return this.#publishedAt !== last;
  }

  /** Lets go of the main thread: at its end Node would tell the user that it waits for a debugger. */
  close() {
    this.#session?.disconnect();
    this.#mayAsk = false;
  }

  /** Whether a thread was asked and does not answer: it is in C, where it makes no Buffers. */
  isUnanswered({ threadId, publishedAt }) {
    return threadId === MAIN && this.#asked === publishedAt;
  }
}

module.exports = { Interrupt };
