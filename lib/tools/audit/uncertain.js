'use strict';
// Why the figures of a function are less certain than others, in words.

const NOT_COUNTED = 'what it allocates cannot be counted';

function uncertainties({ problem, asynchronous }) {
  const reasons = [];
  if (problem !== undefined) reasons.push(`${NOT_COUNTED}: ${problem}`);
  if (asynchronous) reasons.push('asynchronous calls: what several functions make at once is nobody’s');
  return reasons;
}

/** Whether what the function with these reasons allocates is counted. */
const isCounted = ({ uncertain }) => !uncertain.some((reason) => reason.startsWith(NOT_COUNTED));

module.exports = { isCounted, uncertainties };
