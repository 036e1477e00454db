'use strict';
// A profile as https://www.speedscope.app reads it: all views in one file.

const { VIEWS } = require('./views');

function speedscope({ sites, version }) {
  const frames = [];
  const numbers = new Map();
  const numberOf = ({ name, file, line, column }) => {
    const key = `${name}|${file}|${line}|${column}`;
    if (!numbers.has(key)) {
      numbers.set(key, frames.length);
      frames.push(line > 0 ? { name, file, line, col: column } : { name, file });
    }
    return numbers.get(key);
  };
  const stacks = sites.map((site) => site.frames.map(numberOf));
  const profiles = Object.entries(VIEWS).map(([view, name]) => {
    const weights = sites.map((site) => site[view].bytes);
    return {
      type: 'sampled',
      name: `native memory ${name}`,
      unit: 'bytes',
      startValue: 0,
      endValue: weights.reduce((sum, bytes) => sum + bytes, 0),
      samples: stacks.filter((_, at) => weights[at] > 0),
      weights: weights.filter((bytes) => bytes > 0),
    };
  });
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: `ffi-tally ${version}`,
    shared: { frames },
    profiles,
  };
}

module.exports = { speedscope };
