'use strict';

const { bytes } = require('./units');
const { bold, dim, red, green } = require('./paint');

const barWidth = 40;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const heights = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

function bar(part) {
  const cells = Math.round(part * barWidth * eighths.length);
  return '█'.repeat(Math.floor(cells / eighths.length)) + eighths[cells % eighths.length];
}

function peak(way, cap) {
  const value = bytes(way.peakRss).padStart(8);
  if (way.peakRss >= cap) return red(`${'█'.repeat(barWidth + 1)}${value}${way.stopped ? '  stopped' : ''}`);
  return green(bar(way.peakRss / cap).padEnd(barWidth)) + dim('│') + green(value);
}

/** One character per stretch of the loop: the most native memory in it, with the cap as full height. */
function course(way, images, cap) {
  const columns = Math.min(barWidth, images);
  let line = '';
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column * images) / columns);
    const stretch = way.samples.slice(from, Math.floor(((column + 1) * images) / columns));
    if (stretch.length === 0) break;
    const height = Math.floor((Math.max(...stretch) / cap) * heights.length);
    line += heights[Math.min(height, heights.length - 1)];
  }
  return way.stopped
    ? red(`${line} stopped at image ${way.decoded}`)
    : green(`${line}  all ${way.decoded} images`);
}

/** Two charts as lines of text: the peaks on one scale, and how native memory went on the way there. */
module.exports = function chart(measurements, { images, cap }) {
  const row = (draw) => (way) => `  ${way.name.padEnd(20)}${way.error ? red('failed') : draw(way)}`;
  return [
    bold('Peak memory of the process (RSS)'.padEnd(barWidth + 18)) + dim(`cap ${bytes(cap)}`),
    ...measurements.map(row((way) => peak(way, cap))),
    '',
    bold('Native memory, from the first image to the last') + dim(`  (full height: ${bytes(cap)})`),
    ...measurements.map(row((way) => course(way, images, cap))),
  ].join('\n');
};
