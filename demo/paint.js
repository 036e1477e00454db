'use strict';

const { stdout } = process;
const coloured = stdout.isTTY && stdout.hasColors(); // hasColors() heeds NO_COLOR

const paint = (code) => (text) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);

module.exports = { bold: paint(1), dim: paint(2), red: paint(31), green: paint(32) };
