'use strict';
// For how long a thread has told nothing although it was at work, so that its figures are wrong by now.

const fs = require('node:fs');

const LONG = 1000; // milliseconds, from which it is silence
const AT_WORK = 5; // ticks of a hundredth of a second

/** What the kernel calls the thread that asks; 0 where that cannot be known. */
function taskOfThisThread() {
  try {
    return Number(fs.readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/** The processor time of a thread, in ticks; NaN where that cannot be known, undefined if the thread has ended. */
function ticksOf(task) {
  if (task === 0) return NaN;
  try {
    const stat = fs.readFileSync(`/proc/self/task/${task}/stat`, 'latin1');
    // The name, in parentheses, may contain anything; after it come the fields from the third on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch ({ code }) {
    return code === 'ENOENT' || code === 'ESRCH' ? undefined : NaN;
  }
}

class Silence {
  #heard = new Map(); // threadId -> { publishedAt, ticks } when it was first missed

  /** A thread that waits, as in Atomics.wait(), has nothing new to tell; nor has one that ends with the process. */
  #isAtWork({ threadId, task, publishedAt }) {
    const ticks = ticksOf(task);
    if (ticks === undefined) return false;
    const heard = this.#heard.get(threadId);
    if (heard?.publishedAt !== publishedAt) this.#heard.set(threadId, { publishedAt, ticks });
    else if (!(ticks - heard.ticks < AT_WORK)) return true;
    return Number.isNaN(ticks);
  }

  /** Milliseconds since that one of `threads` has told something that is silent for longest; 0 if none is. */
  of(threads, now = Date.now()) {
    return threads
      .filter((thread) => now - thread.publishedAt > LONG && this.#isAtWork(thread))
      .reduce((longest, { publishedAt }) => Math.max(longest, now - publishedAt), 0);
  }
}

module.exports = { Silence, taskOfThisThread };
