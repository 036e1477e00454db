'use strict';

/** 8000016 -> '8 MB', 1013000000 -> '1.01 GB'. Decimal units. */
function bytes(count) {
  if (count >= 999.5e6) return `${Number((count / 1e9).toFixed(2))} GB`;
  return `${Math.round(count / 1e6)} MB`;
}

/** 12.34 -> '12.3 ms', 432.1 -> '432 ms', 4321 -> '4.3 s'. */
function duration(milliseconds) {
  if (milliseconds < 100) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

module.exports = { bytes, duration };
