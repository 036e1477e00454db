'use strict';
// A pointer in the books, with what was made from it: a tree, whose root has the sum.

/** A pointer that a function returned after which more was in use than before. */
class Kept {
  parts = null; // pointers into it: their bytes are in its total
  joined = null; // others that were passed together with it
  given = null; // { by, bytes }: the last call with it gave so much of the tree back, and no pointer
  isMeasured = true;
  isTracked = false; // its end is not our business

  constructor(address, book, bytes, root) {
    this.address = address;
    this.book = book;
    this.bytes = bytes;
    this.total = bytes;
    this.root = root ?? this;
  }
}

function join(one, other) {
  (one.joined ??= new Set()).add(other);
  (other.joined ??= new Set()).add(one);
}

function change(root, bytes) {
  root.total += bytes;
  if (!root.isTracked) root.book.live += bytes;
}

/** What was given back of `pointers` has not freed them. */
function used(pointers) {
  for (const { root } of pointers) root.given = null;
}

function credit(maker, by, bytes) {
  const entry = maker.freedBy.get(by) ?? { pointers: 0, bytes: 0 };
  entry.pointers++;
  entry.bytes += bytes;
  maker.freedBy.set(by, entry);
  by.freed++;
}

module.exports = { Kept, change, credit, join, used };
