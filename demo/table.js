'use strict';

const { formatTable } = require('../lib/support/table');
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
  return formatTable(head, measurements.map(cells), { indent: 2 });
};
