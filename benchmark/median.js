'use strict';

/** The middle of a list of numbers; the mean of the two in the middle of an even one. */
module.exports = function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
