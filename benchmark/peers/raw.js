'use strict';
// Koffi, and every pointer freed by hand as soon as it is done with: nobody can do less.

const open = require('./plain');

module.exports = {
  title: 'raw Koffi, freed by hand',
  create(resource) {
    const { make, free, func } = open(resource);
    return { make, end: free, pass: (pointer) => pointer, func };
  },
};
