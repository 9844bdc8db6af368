// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Child } from "../host/host.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, type FakeHostOptions, withTempDir } from "../testing/fake_host.ts";
import { readConsole } from "./read_console.ts";

const LOG = "[    1.000000] größer\n[    2.000000] two\n";
const BYTES = new TextEncoder().encode(LOG);

async function compressed(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const joined = (...parts: readonly (readonly number[] | Uint8Array)[]) =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** What is read of a file with this content. */
async function read(content: Uint8Array, options: FakeHostOptions = {}): Promise<string> {
  let text = "";
  await withTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/log`, content);
    const file = await readConsole(`${dir}/log`, new FakeHost(options));
    text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(file.read(0, file.size));
    file.close();
  });
  return text;
}

/** A tool that unpacks to this text. */
function unpacker(text: string, code = 0): Pick<FakeHostOptions, "spawn" | "fs"> {
  const spawn = (): Child => ({
    stdout: new Blob([text]).stream(),
    exit: Promise.resolve(code),
    kill: () => {},
  });
  return { spawn, fs: { which: (name) => Promise.resolve(`/usr/bin/${name}`) } };
}

Deno.test("readConsole() gives a log as it is, whatever it is packed in", async () => {
  assert.equal(await read(BYTES), LOG);
  assert.equal(await read(await compressed(BYTES)), LOG);
  const kinds = [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], [0x28, 0xb5, 0x2f, 0xfd], [0x42, 0x5a, 0x68]];
  for (const magic of kinds) {
    assert.equal(await read(joined(magic, [1, 2, 3]), unpacker(LOG)), LOG);
  }
});

Deno.test("readConsole() reads what Windows writes", async () => {
  const units = (bigEndian: boolean) =>
    joined(...Array.from(`\ufeff${LOG}`, (char) => {
      const code = char.charCodeAt(0);
      return bigEndian ? [code >> 8, code & 255] : [code & 255, code >> 8];
    }));
  assert.equal(await read(units(false)), LOG);
  assert.equal(await read(units(true)), LOG);
  assert.equal(await read(joined([0xef, 0xbb, 0xbf], BYTES)), LOG);
});

Deno.test("readConsole() reads standard input", async () => {
  const host = (input: (limit: number) => Uint8Array) =>
    new FakeHost({ fs: { readInput: (limit) => Promise.resolve(input(limit)) } });
  const packed = await compressed(BYTES);
  for (const bytes of [BYTES, packed]) {
    const file = await readConsole("-", host(() => bytes));
    assert.equal(new TextDecoder().decode(file.read(0, file.size)), LOG);
  }
  const xz = joined([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]);
  assert.match((await rejectionOf(readConsole("-", host(() => xz)))).detail, /xz -dc/);
});

Deno.test("readConsole() says what a file is that is no log, and what to do", async () => {
  const text = new TextEncoder();
  const gzip = await compressed(BYTES);
  const cases: readonly [Uint8Array, RegExp, RegExp, FakeHostOptions?][] = [
    [text.encode("\x7fELF\x02"), /is an ELF file, not a log/, /--vmlinux/],
    [text.encode("PK\x03\x04"), /is a zip archive/, /Unpack/],
    [text.encode("LPKSHHRH"), /is a journal of systemd/, /journalctl/],
    [text.encode("KDUMP   "), /is a dump of memory/, /vmcore-dmesg/],
    [gzip.subarray(0, gzip.length - 6), /is gzip, and damaged/, /^$/],
    [
      joined([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
      /is xz, and damaged: xz ended/,
      /^$/,
      unpacker("", 1),
    ],
  ];
  for (const [content, message, detail, options] of cases) {
    const error = await rejectionOf(read(content, options));
    assert.deepEqual([error.kind, error.id], ["usage", "bad-console"]);
    assert.match(error.message, message);
    assert.match(error.detail, detail);
  }
  const missing = { fs: { which: () => Promise.resolve(null) } };
  const error = await rejectionOf(read(joined([0x28, 0xb5, 0x2f, 0xfd]), missing));
  assert.deepEqual([error.kind, error.id], ["infra", "missing-tool"]);
});

Deno.test("readConsole() takes no more into memory than its bound", async () => {
  const packed = await compressed(new Uint8Array(3 << 20));
  const xz = joined([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]);
  let killed = false;
  const endless = (): Child => ({
    stdout: new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1 << 20)) }),
    exit: Promise.resolve(137),
    kill: () => killed = true,
  });
  await withTempDir(async (dir) => {
    const rejected = async (content: Uint8Array, options: FakeHostOptions = {}) => {
      await Deno.writeFile(`${dir}/log`, content);
      return await rejectionOf(readConsole(`${dir}/log`, new FakeHost(options), 2 << 20));
    };
    assert.match((await rejected(packed)).message, /holds more than 2 MiB/);
    const error = await rejected(xz, { ...unpacker(""), spawn: endless });
    assert.match(error.message, /holds more than 2 MiB/);
    assert.ok(killed);
  });
  const input = new FakeHost({
    fs: { readInput: (limit) => Promise.resolve(new Uint8Array(limit + 1)) },
  });
  const error = await rejectionOf(readConsole("-", input, 1 << 20));
  assert.match(error.message, /standard input holds more than 1 MiB/);
});

Deno.test("readConsole() says when there is nothing to read, or no leave to", async () => {
  await withTempDir(async (dir) => {
    const gone = await rejectionOf(readConsole(`${dir}/none`, new FakeHost()));
    assert.match(gone.message, /there is no file .*\/none/);
    const folder = await rejectionOf(readConsole(dir, new FakeHost()));
    assert.match(folder.message, /is a folder/);
    await Deno.writeTextFile(`${dir}/log`, LOG);
    const denied = () => Promise.reject(new Deno.errors.PermissionDenied("Permission denied"));
    const error = await rejectionOf(
      readConsole(`${dir}/log`, new FakeHost({ fs: { openParts: denied } })),
    );
    assert.equal(error.kind, "usage");
    assert.match(error.message, /cannot be read: Permission denied/);
  });
});
