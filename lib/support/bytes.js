'use strict';
// Bytes for people: three digits and a decimal unit.

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

function formatBytes(bytes) {
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const sign = bytes < 0 ? '-' : '';
  return `${sign}${value.toFixed(digits)} ${unit === 0 && Math.round(value) === 1 ? 'byte' : UNITS[unit]}`;
}

/** The same without zeros at the end: for bytes that somebody has chosen. */
const formatRoundBytes = (bytes) => formatBytes(bytes).replace(/\.0+(?= )|(\.\d)0(?= )/, '$1');

module.exports = { formatBytes, formatRoundBytes };
