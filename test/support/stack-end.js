'use strict';

/** Calls `attempt` where the stack is full, and up to `most` times with a little more of it left each time; `rounds` times. */
function atStackEnd(attempt, most, rounds) {
  let left;
  const fill = () => {
    try {
      fill();
    } catch {
      // From here on upwards.
    }
    if (left > 0 && attempt()) left--;
  };
  const deeper = (n) => (n === 0 ? fill() : deeper(n - 1));
  for (let i = 0; i < rounds; i++) {
    left = most;
    deeper(i);
  }
}

module.exports = { atStackEnd };
