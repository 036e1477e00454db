'use strict';

const { bytes } = require('./units');

const mostNative = 256e6;

/** What ffi-tally promises and this measurement does not show, as a list of sentences. */
function brokenPromises({ decoded, freedInTheEnd, liveInTheEnd, peakNative }, images) {
  const broken = [];
  if (decoded < images) broken.push(`decoded ${decoded} of ${images} images`);
  if (freedInTheEnd !== decoded) broken.push(`freed ${freedInTheEnd} of ${decoded} images`);
  if (liveInTheEnd !== 0) broken.push(`still had ${liveInTheEnd} images after collect()`);
  if (peakNative > mostNative)
    broken.push(`needed ${bytes(peakNative)} of native memory at once, promised are ${bytes(mostNative)}`);
  return broken;
}

module.exports = { brokenPromises };
