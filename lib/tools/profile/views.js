'use strict';

/** What may be asked of a profile, and how it is called. */
const VIEWS = { inUse: 'in use', allocated: 'allocated', atPeak: 'at the peak', temporary: 'temporary' };

module.exports = { VIEWS };
