'use strict';

const chart = require('./chart');
const table = require('./table');
const { bold, dim, green, red } = require('./paint');
const { width, height } = require('./picture');
const { bytes } = require('./units');

/** What is going to happen, as text. */
function introduction({ images, cap }) {
  return `
${bold('The same job, four ways')}

Decode a ${width} x ${height} picture (${bytes(width * height * 4)} of native pixels) ${images} times in one
synchronous loop, and read a pixel of each. Each way has a process of its own,
which is stopped when it reaches ${bytes(cap)}. Node.js ${process.version}, ${process.platform} ${process.arch}.
`;
}

function conclusion(measurements, failures) {
  if (failures.length > 0) return red(['Not as promised', ...failures].join('\n- '));
  const tallied = measurements.filter((way) => way.usesTally);
  const most = Math.max(...tallied.map((way) => way.peakNative));
  const { decoded, freedInTheEnd } = tallied[0];
  return green(
    `ffi-tally: ${decoded} images decoded, ${freedInTheEnd} freed, at most ${bytes(most)} of pixels at a time.`,
  );
}

const legend = dim(`
  Images and native bytes are the C library's own count, RSS is the kernel's.
  Freed after the loop: by collect() for ffi-tally, by the event loop for the others.`);

/** What was measured, as text. */
function report(measurements, failures, options) {
  return [
    table(measurements) + legend,
    chart(measurements, options),
    conclusion(measurements, failures),
  ].join('\n\n');
}

module.exports = { introduction, report };
