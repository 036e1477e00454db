'use strict';

const binding = require('../binding');

/** Gives the memory that the allocator holds free back to the kernel. */
function trim() {
  const before = process.memoryUsage.rss();
  if (!binding.trim()) return undefined;
  return Math.max(before - process.memoryUsage.rss(), 0);
}

module.exports = { trim };
