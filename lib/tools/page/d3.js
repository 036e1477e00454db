'use strict';
// d3 is ESM only. Imported when a page is made, and not before.

async function loadD3() {
  const [scale, shape] = await Promise.all([import('d3-scale'), import('d3-shape')]);
  return { ...scale, ...shape };
}

module.exports = { loadD3 };
