'use strict';

/**
 * `version` is another than before when what declared functions mean may have changed: there is another owned type, or the first
 * pointer without one (`hasUntyped`).
 */
module.exports = { version: 0, hasUntyped: false };
