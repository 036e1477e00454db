'use strict';
// The scope into which new pointers go, null for none, and what puts one there: see scope.js.

module.exports = { opened: { innermost: null, add: undefined } };
