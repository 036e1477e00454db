'use strict';
// What the native part knows of the sites, as one stack for each: that of JavaScript, C's function, and what it called.

const path = require('node:path');
const binding = require('../../binding');
const { VIEWS } = require('./views');

const UNKNOWN = { name: '(call not seen)', file: '', line: 0, column: 0 };
const PROGRAM = path.basename(process.execPath);

/** Whether a function there is ours, the FFI's or Node's. */
const isBorder = (file) =>
  /\.node$|^libnode\.so/.test(file) || path.basename(file) === PROGRAM || file === '';

function nativeFrame({ file, name, offset }) {
  if (isBorder(file)) return null;
  const shown = name === '' ? `${path.basename(file)}+0x${offset.toString(16)}` : name;
  return { name: shown, file, line: 0, column: 0 };
}

/** Finds a name once for each return address, as that is slow. */
class Code {
  #known = new Map();

  #frameAt(address) {
    let frame = this.#known.get(address);
    if (frame === undefined) {
      frame = nativeFrame(binding.profileCode(address));
      this.#known.set(address, frame);
    }
    return frame;
  }

  /** The functions of libraries, the outermost first: between our hook and what has called them. */
  framesOf(native) {
    const frames = [];
    for (const address of native) {
      const frame = this.#frameAt(address);
      if (frame !== null) frames.push(frame);
      else if (frames.length > 0) break;
    }
    return frames.reverse();
  }
}

function framesOf({ stack, native }, code) {
  const inC = code.framesOf(native);
  if (stack === '') return [UNKNOWN, ...inC];
  const { name, library, frames } = JSON.parse(stack);
  const isThere = inC.length > 0 && inC[0].name.replace(/\(.*/, '') === name;
  return [...frames.reverse(), ...(isThere ? [] : [{ name, file: library, line: 0, column: 0 }]), ...inC];
}

const rounded = ({ bytes, blocks }) => ({ bytes: Math.round(bytes), blocks: Math.round(blocks) });

/** [{ frames: [{ name, file, line, column }], inUse, allocated, atPeak, temporary }], the outermost frame first. */
function readSites() {
  const code = new Code();
  return binding.profileSites().map((site) => ({
    frames: framesOf(site, code),
    ...Object.fromEntries(Object.keys(VIEWS).map((view) => [view, rounded(site[view])])),
  }));
}

module.exports = { readSites };
