'use strict';
// Who has kept which bytes, and who gave them back. Every change of the bytes in use during a call goes to one
// place: to a pointer that the call returned or was given, or to the function itself.

const { FunctionBook, STRAY_CALLS } = require('./function-book');
const { Kept, change, credit, join, used } = require('./kept');

// A program that leaks a pointer in every call shall not leak in the books as well.
const MOST_POINTERS = 100_000;
// Small blocks that are freed stay in a cache of the allocator, which counts them as in use.
const MOSTLY = 0.5;
const NEARLY = 0.9;
const LIKELY = 0.3; // where the address comes again
// As much must be missing from what a tree gives back, before it is taken to have left something behind: other threads
// allocate in the meantime, V8's mostly pieces of 8 KiB.
const SOME = 32 * 1024;
const FEW = 0.02;
// And about what its parts have.
const ABOUT = 0.1;
// Of what another thread has allocated in one call: V8 takes some hundred kilobytes to compile. At most.
const STRAY_BYTES = 1024 * 1024;

/**
 * Whether so much was given back of a root that a pointer of `bytes` would have been freed; and that root, if it did not
 * have all that it seemed to. What is handed out again and again gives back little of what it has.
 */
const wouldEnd = ({ given, total }, bytes) =>
  given !== null && given.bytes >= MOSTLY * bytes && given.bytes >= LIKELY * (given.bytes + total);

class Books {
  functions = [];
  pointers = new Map(); // address -> Kept

  add(facts) {
    const book = new FunctionBook(facts);
    this.functions.push(book);
    return book;
  }

  /** The pointers at `addresses` that are known; one of each tree. */
  known(addresses) {
    const found = [];
    for (const address of addresses) {
      const pointer = this.pointers.get(address);
      if (pointer !== undefined && !found.some(({ root }) => root === pointer.root)) found.push(pointer);
    }
    return found;
  }

  /** After a measured call that changed the bytes in use: `known` pointers were given, `results` are addresses. */
  note(book, change, known, results) {
    book.measured++;
    for (let i = 1; i < known.length; i++) join(known[0].root, known[i].root);
    used(known);
    if (change > 0) this.#keep(book, change, known, results);
    else if (change < 0) this.#giveBack(book, -change, known, results);
    else if (known.length > 0) this.#lead(book, known[0].root, results);
    if (known.length > 0) book.touched++;
    if ((book.measured & (book.measured - 1)) === 0) {
      book.marks.push({ measured: book.measured, bytes: book.outstanding });
    }
  }

  /** After a call that was not measured: what is done with its pointers is not lost without a trace. */
  see(book, known, results) {
    used(known);
    this.#lead(book, known[0]?.root, results);
  }

  /** The pointer at `address` is tracked from now on, under `label`. */
  adopt(address, label) {
    const root = this.pointers.get(address)?.root;
    if (root === undefined || root.isTracked) return;
    root.book.live -= root.total;
    root.book.pointers--;
    root.book.adopted++;
    root.book.adoptedAs = label;
    root.isTracked = true;
  }

  #keep(book, bytes, known, results) {
    book.kept += bytes;
    book.keeping++;
    let returned;
    for (const address of results) {
      const pointer = this.pointers.get(address);
      if (pointer !== undefined && this.#cameAgain(pointer, book, bytes, known)) this.#replace(pointer.root);
      else returned ??= pointer;
    }
    const owner = returned ?? known[0];
    if (returned === undefined && results.length > 0) this.#make(book, bytes, results[0], owner?.root);
    else if (owner === undefined) book.lose(bytes);
    else this.#enlarge(owner, bytes);
  }

  /** Whether what was at the address of `pointer` is gone: a call of `book` has returned it, and keeps `bytes`. */
  #cameAgain({ address, root }, book, bytes, known) {
    if (known.some((other) => other.root === root)) return false;
    // A tracked one was freed without a call that we see.
    return root.isTracked || (address === root.address && root.book === book && wouldEnd(root, bytes));
  }

  /** Its address came again, so it was freed, and what is left of it belongs to no pointer. */
  #replace(root) {
    const { book, given, total, isTracked } = root;
    this.#drop(root);
    if (isTracked) return;
    credit(book, given.by, given.bytes);
    if (total > 0) book.lose(total);
  }

  /** How much of what is outstanding from `book` other threads may have allocated: in a few trees or calls without one. */
  stray(book) {
    const all = [...book.largestUnattributed];
    for (const pointer of this.pointers.values()) {
      if (pointer.root === pointer && pointer.book === book && !pointer.isTracked) all.push(pointer.total);
    }
    all.sort((a, b) => b - a);
    return all.slice(0, STRAY_CALLS).reduce((sum, bytes) => sum + Math.min(bytes, STRAY_BYTES), 0);
  }

  /** What was looked up in a known pointer is a part of it. Without one, it is new. */
  #lead(book, root, results) {
    for (const address of results) {
      if (!this.pointers.has(address)) this.#make(book, 0, address, root);
    }
  }

  #make(book, bytes, address, root) {
    const pointer = new Kept(address, book, bytes, root);
    this.pointers.set(address, pointer);
    if (root === undefined) {
      book.make(bytes);
      pointer.isMeasured = bytes > 0;
      pointer.isTracked = book.label !== undefined;
      if (!pointer.isTracked) {
        book.pointers++;
        book.live += bytes;
      }
    } else {
      (root.parts ??= []).push(pointer);
      change(root, bytes);
    }
    if (this.pointers.size > MOST_POINTERS) this.#forgetOldest();
  }

  #enlarge(pointer, bytes) {
    pointer.bytes += bytes;
    pointer.root.given = null;
    change(pointer.root, bytes);
  }

  #forgetOldest() {
    const { root } = this.pointers.values().next().value;
    if (!root.isTracked) root.book.forgotten += root.total;
    this.#drop(root);
  }

  /** A tree leaves the books. */
  #drop(root) {
    this.pointers.delete(root.address);
    for (const part of root.parts ?? []) {
      if (this.pointers.get(part.address) === part) this.pointers.delete(part.address);
    }
    for (const other of root.joined ?? []) other.joined.delete(root);
    if (!root.isTracked) root.book.pointers--;
    change(root, -root.total);
  }

  #giveBack(book, bytes, known, results) {
    book.gave += bytes;
    let left = bytes;
    for (const pointer of known) {
      if (left > 0) left -= this.#release(book, pointer, left, results);
    }
    if (left > 0) book.find(left);
  }

  /** Up to `bytes` of what `pointer` stands for are gone. Returns how many. */
  #release(book, pointer, bytes, results) {
    const { root } = pointer;
    // A part may be freed alone, or with all that it belongs to: what is nearer to what is missing?
    const alone = pointer !== root && Math.abs(bytes - pointer.bytes) < Math.abs(bytes - root.total);
    if (alone && bytes >= MOSTLY * pointer.bytes) return this.#endPart(book, pointer, bytes);
    // What returns a pointer, such as realloc(), frees only if next to nothing is left.
    const least = results.length > 0 ? NEARLY * root.total : MOSTLY * root.bytes;
    if (alone || bytes < least) return this.#shrink(book, pointer, bytes, results);
    const missing = root.total - bytes;
    const parts = root.total - root.bytes;
    const isLeft = missing >= Math.max(SOME, FEW * bytes) && Math.abs(missing - parts) <= ABOUT * parts;
    if (isLeft) this.#leaveAlone(root);
    const { isMeasured } = root;
    let taken = this.#end(book, root);
    if (!isMeasured) return bytes;
    for (const other of root.joined ?? []) {
      if (bytes - taken >= NEARLY * other.total) taken += this.#end(book, other);
    }
    return Math.min(bytes, taken);
  }

  #shrink(book, pointer, bytes, results) {
    const { root } = pointer;
    const taken = Math.min(root.total, bytes);
    pointer.bytes = Math.max(0, pointer.bytes - taken);
    change(root, -taken);
    if (results.length === 0) root.given = { by: book, bytes: taken };
    this.#lead(root.book, root, results); // as after realloc() to less, it may be somewhere else now
    return taken;
  }

  /** What was made from `root` outlives it, as a copy does: its bytes were not among those given back. */
  #leaveAlone(root) {
    for (const part of root.parts ?? []) {
      if (part.bytes === 0 || this.pointers.get(part.address) !== part) continue;
      change(root, -part.bytes);
      part.root = part;
      part.isTracked = part.book.label !== undefined;
      part.book.made++;
      if (part.isTracked) continue;
      part.book.pointers++;
      part.book.live += part.bytes;
    }
    root.parts = root.parts?.filter((part) => part.root === root) ?? null;
  }

  #endPart(book, part, bytes) {
    const { root } = part;
    this.pointers.delete(part.address);
    root.parts.splice(root.parts.indexOf(part), 1);
    change(root, -part.bytes);
    credit(part.book, book, part.bytes);
    return Math.min(part.bytes, bytes);
  }

  #end(book, root) {
    const { total } = root;
    this.#drop(root);
    credit(root.book, book, total);
    return total;
  }
}

module.exports = { Books };
