'use strict';

const Table = require('cli-table3');
const { bytes, duration } = require('./units');

const head = [
  '',
  'images\ndecoded',
  'freed\nin loop',
  'freed\nafter',
  'peak\nnative',
  'peak\nRSS',
  'time',
  'per\nimage',
];

// Nothing but a rule below the head: borders would not leave room for all columns in 80 characters.
const places = ['top', 'bottom', 'left', 'mid', 'right'];
const joints = places.flatMap((place) => ['left', 'mid', 'right'].map((end) => `${place}-${end}`));
const chars = Object.fromEntries([...places, ...joints, 'middle'].map((name) => [name, '']));
chars.mid = '─';

function cells(way) {
  if (way.error) return [way.name, way.decoded, ...Array(head.length - 3).fill('-'), 'failed'];
  return [
    way.name,
    way.decoded,
    way.freedInLoop,
    way.freedInTheEnd - way.freedInLoop,
    bytes(way.peakNative),
    bytes(way.peakRss),
    duration(way.milliseconds),
    duration(way.milliseconds / way.decoded),
  ];
}

/** The measurements as lines of text, one way a row. */
module.exports = function table(measurements) {
  const rows = new Table({
    head,
    chars,
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true, 'padding-left': 2, 'padding-right': 0 },
  });
  rows.push(...measurements.map(cells));
  return rows.toString();
};
