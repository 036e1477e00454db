'use strict';
// What V8 feels of native memory where nobody can tell it: ArrayBuffers as large as the memory, never touched,
// which live as long as the tracked objects do. They take address space, and no memory.

const MIB = 2 ** 20;
// Memory behind a buffer that can be resized is fresh from the kernel. Behind any other it comes from malloc, which
// may hand out what was used before and has to clear it; glibc maps only what is larger than this afresh each time.
const { resizable } = Object.getOwnPropertyDescriptors(ArrayBuffer.prototype);
const UNIT = resizable === undefined ? 33 * MIB : MIB;

function allocate(bytes) {
  try {
    return resizable === undefined
      ? new ArrayBuffer(bytes)
      : new ArrayBuffer(bytes, { maxByteLength: bytes });
  } catch {
    return null; // more than there is address space for
  }
}

/** A buffer that can change its length. Only tracked objects hold one, by way of `carriers`. */
class Weight {
  buffer = null;

  /** Makes it that heavy. Returns how heavy it is. */
  set(bytes) {
    if (this.buffer !== null && bytes <= this.buffer.byteLength) {
      if (resizable !== undefined) this.buffer.resize(bytes);
      else if (bytes === 0) this.buffer = null;
    } else {
      this.buffer = bytes === 0 ? null : allocate(bytes);
    }
    return this.buffer === null ? 0 : bytes;
  }
}

/** What the slots of one weight have in common. */
class Load {
  bytes = 0; // of all its slots
  carried = 0; // of these, what the weight stands for
  #weight;

  constructor(weight) {
    this.#weight = new WeakRef(weight);
  }

  /** Makes the weight what it should be. Returns by how much it has changed. */
  adjust() {
    const before = this.carried;
    const weight = this.#weight.deref();
    this.carried = weight === undefined ? Math.min(before, this.bytes) : weight.set(this.bytes);
    return this.carried - before;
  }
}

class Ballast {
  bytes = 0; // that V8 feels
  #carriers = new WeakMap(); // tracked object -> Weight
  #open = null; // { weight, load } of small pointers that share one and are not felt yet
  #byHand = []; // { weight, load }, the latest last
  #handled = 0; // bytes in there

  #make() {
    const weight = new Weight();
    return { weight, load: new Load(weight) };
  }

  #adjust(load) {
    this.bytes += load.adjust();
  }

  /** Lets `object` carry the bytes of its slot. */
  add(object, slot) {
    if (slot.size === 0) return;
    const alone = slot.size >= UNIT;
    const { weight, load } = alone ? this.#make() : (this.#open ??= this.#make());
    this.#carriers.set(object, weight);
    slot.load = load;
    load.bytes += slot.size;
    if (load.bytes < UNIT) return;
    this.#adjust(load);
    if (!alone) this.#open = null;
  }

  /** The slot has `delta` bytes more. */
  change(slot, delta) {
    const { load } = slot;
    if (load === null) return;
    load.bytes += delta;
    if (this.#open?.load !== load) this.#adjust(load);
  }

  /** The slot is free. */
  remove(slot) {
    this.change(slot, -slot.size);
    slot.load = null;
  }

  /** Carries `bytes` that no object stands for. */
  carry(bytes) {
    while (this.#handled > bytes) {
      const { load } = this.#byHand.at(-1);
      const less = Math.min(load.bytes, this.#handled - bytes);
      load.bytes -= less;
      this.#handled -= less;
      this.#adjust(load);
      if (load.bytes === 0) this.#byHand.pop();
    }
    if (bytes - this.#handled < UNIT) return;
    const added = this.#make();
    added.load.bytes = bytes - this.#handled;
    this.#handled = bytes;
    this.#byHand.push(added);
    this.#adjust(added.load);
  }
}

module.exports = { Ballast };
