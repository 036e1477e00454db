'use strict';
// Koffi, and every pointer forgotten.

const open = require('./plain');

module.exports = {
  title: 'plain Koffi, forgotten',
  neverFrees: true,
  create(resource) {
    const { make, func } = open(resource);
    return { make, end: () => {}, pass: (pointer) => pointer, func };
  },
};
