// SPDX-License-Identifier: MIT

/**
 * The mapping of the buffer: what mm does to it (moved, protected, cut, forked) changes what userspace
 * sees and never what the kernel writes, which goes by a mapping of its own.
 */

import { assert, assertEquals, assertErrno, assertGreater } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { pipe, spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  close,
  ERRNO,
  guest,
  isSysError,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDONLY,
  open,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  sharedMemory,
  SYS,
} from "../../harness/guest.ts";
import { ask } from "../answers.ts";
import { Kcov, KCOV_PATH, KCOV_TRACE_PC, openMapped, readNothing } from "../kcov.ts";
import { undisturbed } from "../windows.ts";

const { EACCES, EFAULT, EINVAL } = ERRNO;
const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 8;
const PAGES = 4;
const WORDS = PAGES * PAGE_WORDS;
const BYTES = PAGES * PAGE_BYTES;
const READ_WRITE = PROT_READ | PROT_WRITE;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;
const MREMAP_DONTUNMAP = 4;
const SENTINEL = 0x5e5e5e5e5e5e5e5en;

/** Whether memory can be read and written, asked of the kernel, which does not die of the answer. */
class Access {
  readonly #ends = pipe();
  readonly #word = new BigUint64Array(1);

  /** 0, or -EFAULT. */
  read(address: number): number {
    const [out, into] = this.#ends;
    const result = guest().tryCall(SYS.write, into, BigInt(address), 8);
    if (result > 0) guest().call(SYS.read, out, this.#word, 8);
    return Math.min(result, 0);
  }

  /** The same; where it can be written to, the word is then the sentinel. */
  write(address: number): number {
    const [out, into] = this.#ends;
    guest().call(SYS.write, into, new BigUint64Array([SENTINEL]), 8);
    const result = guest().tryCall(SYS.read, out, BigInt(address), 8);
    if (result < 0) guest().call(SYS.read, out, this.#word, 8);
    return Math.min(result, 0);
  }
}

/** One mapping, as JavaScript sees it and by its address. */
interface Mapping {
  readonly words: BigUint64Array;
  readonly address: number;
}

function mapped(words: BigUint64Array): Mapping {
  return { words, address: guest().address(words) };
}

/** Addresses of the pages. */
function pagesOf({ address }: Mapping): number[] {
  return Array.from({ length: PAGES }, (_, page) => address + page * PAGE_BYTES);
}

export const kcovMapping = fixture("kcov_mapping", {
  file: "selftests/kcov/tests/kcov_mapping.ts",
  requires: ["kcov"],
  variants: { base: {} },
  setup(t) {
    const device = openMapped(t, WORDS);
    const first = mapped(device.buffer);
    // Nobody touches this one: it shows what the buffer holds.
    const witness = mapped(device.map({ readOnly: true }));
    device.enable(KCOV_TRACE_PC);
    return { device, first, witness, access: new Access() };
  },
});

/** Empties the trace by a store through one mapping, makes calls, loads the count through another. */
function entriesOf(store: Mapping, load: Mapping, calls = 1): number {
  const batch = new Batch();
  batch.store(store.address, 0n);
  readNothing(batch, calls);
  const count = batch.load(load.address);
  batch.run();
  return Number(batch.result(count));
}

/** The trace of one call through two mappings: the same, and no empty one. */
function assertShows(t: { log(text: string): void }, mapping: Mapping, witness: Mapping): void {
  undisturbed(t, () => {
    const count = entriesOf(mapping, witness);
    assertGreater(count, 0, "entries of one call");
    const seen = mapping.words.slice(1, 1 + count);
    assertEquals([...seen], [...witness.words.slice(1, 1 + count)], "entries of both mappings");
    assertEquals(seen.includes(0n), false, "an entry is zero");
    assertEquals(entriesOf(mapping, witness, 2), 2 * count, "entries of two calls");
  });
}

/** Every word of the buffer is an entry, seen through a mapping that was left alone. */
function assertFull({ words }: Mapping): void {
  assertEquals(words[0], BigInt(WORDS - 1), "count of a full buffer");
  assertEquals(words.findIndex((word) => word === 0n), -1, "first word that is no entry");
}

/** What the first word of each page answers. */
function readable(access: Access, mapping: Mapping): boolean[] {
  return pagesOf(mapping).map((page) => {
    const result = access.read(page);
    if (result !== 0) assertErrno(result, EFAULT, "reading a page");
    return result === 0;
  });
}

kcovMapping.test("shows_the_buffer_where_it_was_moved_to", (t, { first, witness, access }) => {
  const target = mapped(new BigUint64Array(sharedMemory(BYTES)));
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  const moved = guest().call(SYS.mremap, first.address, BYTES, BYTES, flags, target.address);
  assertEquals(moved, target.address, "address after mremap()");
  assertEquals(readable(access, first), [false, false, false, false], "pages at the old address");
  assertEquals(readable(access, target), [true, true, true, true], "pages at the new address");
  assertShows(t, target, witness);
  entriesOf(target, witness, WORDS);
  assertFull(target);
  assertEquals(guest().difference(target.words, witness.words), -1, "first byte that differs");
});

kcovMapping.test("pages_may_be_moved_apart", (t, { first, witness, access }) => {
  // The third page goes elsewhere, and takes its place in the buffer along.
  const target = mapped(new BigUint64Array(sharedMemory(PAGE_BYTES)));
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  const from = pagesOf(first)[2]!;
  guest().call(SYS.mremap, from, PAGE_BYTES, PAGE_BYTES, flags, target.address);
  assertEquals(readable(access, first), [true, true, false, true], "pages at the old address");
  assertShows(t, first, witness);
  entriesOf(first, witness, WORDS);
  assertFull(witness);
  const third = witness.words.slice(2 * PAGE_WORDS, 3 * PAGE_WORDS);
  assertEquals(guest().difference(target.words, third), -1, "first byte that differs");
});

kcovMapping.test("cannot_grow", (t, { first, witness, access }) => {
  const grow = (from: number, to: number, flags: number) =>
    guest().tryCall(SYS.mremap, first.address, from, to, flags, 0);
  assertErrno(grow(BYTES, 2 * BYTES, 0), EFAULT, "mremap() to twice the size");
  assertErrno(grow(BYTES, 2 * BYTES, MREMAP_MAYMOVE), EFAULT, "the same where it may move");
  assertErrno(grow(BYTES, BYTES + 1, MREMAP_MAYMOVE), EFAULT, "mremap() to one byte more");
  assertErrno(grow(PAGE_BYTES, 2 * BYTES, MREMAP_MAYMOVE), EFAULT, "the same of a part of it");
  // An old size of 0 asks for the same pages once more.
  assertErrno(grow(0, BYTES, MREMAP_MAYMOVE), EFAULT, "mremap() to a second place");
  const twice = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
  assertErrno(grow(BYTES, BYTES, twice), EINVAL, "mremap() that leaves the old place");
  assertEquals(readable(access, first), [true, true, true, true], "pages afterwards");
  assertShows(t, first, witness);
});

kcovMapping.test("shows_what_is_left_of_it", (t, { first, witness, access }) => {
  // Shrunk by a page, then a hole in the middle. The kernel writes to all pages as before.
  const shrunk = guest().call(SYS.mremap, first.address, BYTES, BYTES - PAGE_BYTES, 0, 0);
  assertEquals(shrunk, first.address, "address after mremap()");
  assertEquals(readable(access, first), [true, true, true, false], "pages after mremap()");
  assertShows(t, first, witness);
  guest().call(SYS.munmap, pagesOf(first)[1]!, PAGE_BYTES);
  assertEquals(readable(access, first), [true, false, true, false], "pages after munmap()");
  assertShows(t, first, witness);
  entriesOf(first, witness, WORDS);
  assertFull(witness);
  const third = [2 * PAGE_WORDS, 3 * PAGE_WORDS] as const;
  assertEquals(
    guest().difference(first.words.subarray(...third), witness.words.subarray(...third)),
    -1,
    "first byte that differs behind the hole",
  );
  // The page with the count goes as well.
  guest().call(SYS.munmap, first.address, PAGE_BYTES);
  assertEquals(readable(access, first), [false, false, true, false], "pages after all");
  const batch = new Batch();
  readNothing(batch, WORDS);
  batch.run();
  assertFull(witness);
});

kcovMapping.test("is_protected_as_asked_while_enabled", (t, { first, witness, access }) => {
  const protect = (protection: number, page = 0, pages = PAGES) => {
    const from = pagesOf(first)[page]!;
    guest().call(SYS.mprotect, from, pages * PAGE_BYTES, protection);
  };
  const batch = new Batch();
  batch.store(first.address, 0n);
  const isProtected = batch.syscall(SYS.mprotect, [first.address, BYTES, PROT_NONE]);
  const before = batch.load(witness.address);
  readNothing(batch, 3);
  const after = batch.load(witness.address);
  batch.run();
  assertEquals(batch.result(isProtected), 0n, "result of mprotect()");
  assertEquals(readable(access, first), [false, false, false, false], "pages without any right");
  assertGreater(
    batch.result(after),
    batch.result(before),
    "count while nobody may read the mapping",
  );
  protect(PROT_READ);
  assertEquals(readable(access, first), [true, true, true, true], "pages that may be read");
  const last = first.address + BYTES - 8;
  assertErrno(access.write(last), EFAULT, "writing to what may be read");
  assertEquals(first.words[1], witness.words[1], "first entry");
  protect(READ_WRITE, 0, 1);
  assertErrno(access.write(last), EFAULT, "writing to the last page");
  assertShows(t, first, witness);
  protect(READ_WRITE);
  assertErrno(access.write(last), 0, "writing to the last page when it may be written to");
  assertEquals(witness.words[WORDS - 1], SENTINEL, "the word that was written");
  assertShows(t, first, witness);
  // What was protected again is protected again.
  protect(PROT_NONE, PAGES - 1, 1);
  entriesOf(first, witness, WORDS);
  assertEquals(readable(access, first), [true, true, true, false], "pages at the end");
  assertFull(witness);
});

kcovMapping.test("is_mapped_anew_while_enabled", (t, { device, first, witness }) => {
  const batch = new Batch();
  batch.store(first.address, 0n);
  const unmapped = [first, witness].map(({ address }) =>
    batch.syscall(SYS.munmap, [address, BYTES])
  );
  readNothing(batch, WORDS);
  batch.run();
  assertEquals(unmapped.map((step) => batch.result(step)), [0n, 0n], "results of munmap()");
  const again = mapped(device.map());
  // All but a few entries are of calls that no mapping saw.
  assertFull(again);
  assertShows(t, again, again);
  device.disable();
  const later = mapped(device.map({ readOnly: true }));
  assertEquals(guest().difference(again.words, later.words), -1, "first byte that differs");
});

kcovMapping.test("outlives_its_descriptor", (t, { device, first, witness, access }) => {
  device.close();
  assertShows(t, first, witness);
  const target = mapped(new BigUint64Array(sharedMemory(BYTES)));
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  guest().call(SYS.mremap, first.address, BYTES, BYTES, flags, target.address);
  assertShows(t, target, witness);
  guest().call(SYS.mprotect, target.address, BYTES, PROT_NONE);
  guest().call(SYS.munmap, target.address + PAGE_BYTES, BYTES - PAGE_BYTES);
  guest().call(SYS.mprotect, target.address, PAGE_BYTES, READ_WRITE);
  assertEquals(readable(access, target), [true, false, false, false], "pages that are left");
  assertShows(t, target, witness);
  guest().call(SYS.munmap, target.address, PAGE_BYTES);
  guest().call(SYS.munmap, witness.address, BYTES);
  // Nobody sees the buffer any more, and the thread writes to it.
  const batch = new Batch();
  readNothing(batch, 2 * WORDS);
  batch.run();
});

kcovMapping.test("is_shared_with_a_forked_child", (t, { device, first, witness, access }) => {
  device.disable();
  first.words.fill(0n);
  first.words[WORDS - 2] = 0xfeedn;
  const child = spawn(() => {
    const seen = Number(first.words[WORDS - 2]);
    device.enable(KCOV_TRACE_PC);
    const count = entriesOf(first, witness);
    device.disable();
    first.words[WORDS - 1] = SENTINEL;
    guest().call(SYS.mprotect, witness.address, BYTES, PROT_NONE);
    guest().call(SYS.munmap, first.address, BYTES);
    const left = [...readable(access, first), ...readable(access, witness)];
    return { seen, count, left };
  }).join();
  assertEquals(child.seen, 0xfeed, "what the child sees of the parent's store");
  assertEquals(child.left, Array(2 * PAGES).fill(false), "pages that the child has given up");
  assertEquals(first.words[WORDS - 1], SENTINEL, "what the parent sees of the child's store");
  assertGreater(child.count, 0, "entries of the child");
  assert(first.words[0]! >= BigInt(child.count), "the child's entries are not in the buffer");
  assertEquals(first.words.slice(1, 1 + child.count).includes(0n), false, "one of them is zero");
  // What the child did to its mappings is its own.
  assertEquals(readable(access, first), [true, true, true, true], "pages of the parent");
  device.enable(KCOV_TRACE_PC);
  assertShows(t, first, witness);

  // The other way round: the parent's mapping goes while the child has its own.
  const flags = new BigUint64Array(sharedMemory(8));
  const heir = spawn(() => {
    while (flags[0] === 0n) guest().call(SYS.schedYield);
    return [Number(first.words[0]), first.words.indexOf(0n)];
  });
  entriesOf(first, witness, WORDS);
  guest().call(SYS.munmap, first.address, BYTES);
  flags[0] = 1n;
  assertEquals(heir.join(), [WORDS - 1, -1], "count and first empty word that the child sees");
});

kcovMapping.test("of_a_descriptor_for_reading_is_read_only", (t, { device, access }) => {
  device.disable();
  const fd = open(KCOV_PATH, O_RDONLY);
  t.cleanup(() => close(fd));
  const reader = new Kcov(fd).init(WORDS);
  try {
    reader.map();
    t.fail("a descriptor that was opened for reading is mapped for writing");
  } catch (error) {
    if (!isSysError(error)) throw error;
    assertEquals(error.errno, EACCES, "errno of mmap() for writing");
  }
  const shown = mapped(reader.map({ readOnly: true }));
  const protect = guest().tryCall(SYS.mprotect, shown.address, BYTES, READ_WRITE);
  assertErrno(protect, EACCES, "mprotect() to writable");
  assertErrno(access.write(shown.address + BYTES - 8), EFAULT, "writing to it");
  reader.enable(KCOV_TRACE_PC);
  const batch = new Batch();
  readNothing(batch);
  const count = batch.load(shown.address);
  batch.run();
  assertGreater(batch.result(count), 0n, "entries of one call");
});

kcovMapping.test("that_is_private_is_a_copy_once_written_to", (t, { device, first, witness }) => {
  const memory = guest().map(BYTES, READ_WRITE, MAP_PRIVATE, device.fd, 0);
  const copy = mapped(new BigUint64Array(memory));
  assertShows(t, first, copy);
  // The last page becomes the process's own; the others go on showing the buffer.
  copy.words[WORDS - 1] = SENTINEL;
  assert(witness.words[WORDS - 1] !== SENTINEL, "a store to a private mapping is in the buffer");
  entriesOf(first, witness, WORDS);
  assertFull(witness);
  assertEquals(copy.words[WORDS - 1], SENTINEL, "the word that was written");
  const others = [0, WORDS - PAGE_WORDS] as const;
  const differ = guest().difference(
    copy.words.subarray(...others),
    witness.words.subarray(...others),
  );
  assertEquals(differ, -1, "first byte that differs in the other pages");
});

kcovMapping.test("takes_no_other_shape", (t, { device }) => {
  const attempt = (bytes: number, flags: number, offset: number): number => {
    try {
      guest().unmap(guest().map(bytes, PROT_READ, flags, device.fd, offset));
      return 0;
    } catch (error) {
      if (isSysError(error)) return -error.errno;
      throw error;
    }
  };
  // Also while it is enabled and has mappings already.
  for (const flags of [MAP_SHARED, MAP_PRIVATE]) {
    for (const page of [-1, 1, PAGES]) {
      const result = attempt(BYTES + page * PAGE_BYTES, flags, 0);
      ask(t, page < 0 ? "map.part" : "map.more", result);
    }
    ask(t, "map.offset", attempt(BYTES, flags, PAGE_BYTES));
    // Part of it, at an offset: the end of the buffer.
    ask(t, "map.offset", attempt(PAGE_BYTES, flags, BYTES - PAGE_BYTES));
    assertErrno(attempt(BYTES, flags, 0), 0, "mmap() of the buffer");
  }
});
