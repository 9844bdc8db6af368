// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { NO_REMOTE, remoteStorage } from "../core/build/ccache_remote.ts";
import { pathsFor } from "../core/model/paths.ts";
import { denoHost } from "../host/deno_host.ts";
import type { Host } from "../host/host.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { answering } from "./remote_storage.ts";

const HAS_CCACHE = ["ccache", "clang-22"].every((program) =>
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`))
);

/** An HTTP server that keeps what is put, or does what a test wants instead; gives its address. */
async function withServer(
  body: (address: string) => Promise<void>,
  instead: (request: Request) => Response | Promise<Response> | null = () => null,
): Promise<void> {
  const kept = new Map<string, Uint8Array<ArrayBuffer>>();
  const onListen = () => {};
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, async (request) => {
    const other = await instead(request);
    if (other !== null) return other;
    const { pathname } = new URL(request.url);
    if (request.method === "PUT") {
      kept.set(pathname, await request.bytes());
      return new Response(null, { status: 201 });
    }
    const found = kept.get(pathname);
    return found === undefined ? new Response(null, { status: 404 }) : new Response(found);
  });
  try {
    await body(`http://127.0.0.1:${server.addr.port}/cache/`);
  } finally {
    await server.shutdown();
  }
}

interface Tried {
  /** What is left of the storage. */
  readonly value: string;
  readonly told: string;
}

/** Tries storage by the real ccache and clang. */
function trying(value: string, check: (tried: Tried) => void): Promise<void> {
  return withTempDir(async (dir) => {
    const told: string[] = [];
    const host: Host = denoHost({
      emit: (event) => {
        if (event.event === "notice" && event.level === "warn") told.push(event.text);
      },
      signal: new AbortController().signal,
    });
    const paths = pathsFor(dir, null, null);
    const ask = () => answering(remoteStorage(value, false), "clang-22", paths, host);
    const rest = await ask();
    // The second build of a run asks nobody again, and says nothing again.
    assert.deepEqual(await ask(), rest);
    check({ value: rest.value, told: told.join("\n") });
    const left = await Array.fromAsync(
      Deno.readDir(`${paths.cache}/toolchain`),
      ({ name }) => name,
    );
    assert.deepEqual(left.filter((name) => name.startsWith("ccache-probe")), []);
  });
}

const real = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, ignore: !HAS_CCACHE, fn });

real(
  "a server that answers is used, empty or not, and nothing is said",
  () =>
    withServer(async (address) => {
      for (const _ of ["empty", "with the entry"]) {
        await trying(address, ({ value, told }) => assert.deepEqual([value, told], [address, ""]));
      }
    }),
);

real("a server that is full still gives what it has", () =>
  withServer(
    (address) =>
      trying(address, ({ value, told }) => assert.deepEqual([value, told], [address, ""])),
    ({ method }) => method === "PUT" ? new Response(null, { status: 507 }) : null,
  ));

real(
  "where nobody listens, builds go without it, and a folder beside it stays",
  () =>
    withTempDir(async (dir) => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr as Deno.NetAddr;
      listener.close();
      const storages = `redis://:secret@127.0.0.1:${port} file:${dir}/shared`;
      await trying(storages, ({ value, told }) => {
        assert.equal(value, `file:${dir}/shared`);
        const shown = `redis://***@127.0.0.1:${port}`;
        assert.equal(told, `CCACHE_REMOTE_STORAGE: ${shown} does not answer; builds go without it`);
      });
    }),
);

real("one that takes the connection and says nothing is left out after its timeout", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const connection of listener) taken.push(connection);
  })();
  const address = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/|operation-timeout=300`;
  await trying(address, ({ value, told }) => {
    assert.equal(value, "");
    assert.match(told, /does not answer; builds go without it$/);
  });
  listener.close();
  for (const connection of taken) connection.close();
  await serving.catch(() => {});
});

real(
  "an address that ccache cannot read is the user's to mend, and shows no password",
  async () => {
    const bad = {
      "memcached://u:secret@h:11211": /ccache cannot read memcached:\/\/\*\*\*@h:11211$/,
      "https://h/cache": /ccache cannot read https:\/\/h\/cache$/,
      "127.0.0.1:6379": /ccache cannot read 127\.0\.0\.1:6379$/,
      "redis://h:99999": /ccache cannot read redis:\/\/h:99999$/,
    };
    for (const [address, message] of Object.entries(bad)) {
      await assert.rejects(trying(address, () => {}), (error: Error & Record<string, string>) => {
        assert.deepEqual([error["kind"], error["id"]], ["usage", "bad-ccache-storage"], address);
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.message}${error["detail"]}`, /secret/);
        return true;
      });
    }
  },
);

Deno.test("a server that is slower than a compiler is left out", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const host = new FakeHost({ answer: () => ({ durationMs: 12_300 }) });
    const rest = await answering(remoteStorage("redis://far", false), "clang-22", paths, host);
    assert.deepEqual(rest, { ...NO_REMOTE, leftOut: ["redis:"] });
    assert.deepEqual(host.messages, [
      "warn: CCACHE_REMOTE_STORAGE: redis://far is slow (12.3 s for one small file); " +
      "builds go without it",
    ]);
  }));

Deno.test("where the compiler itself fails, storage is not what is wrong", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const host = new FakeHost({ answer: () => ({ code: 1, stderr: "clang: error" }) });
    const remote = remoteStorage("redis://far", false);
    assert.deepEqual(await answering(remote, "clang-22", paths, host), remote);
  }));

Deno.test("folders are not tried", () =>
  withTempDir(async (dir) => {
    const host = new FakeHost();
    const remote = remoteStorage(`file:${dir}`, false);
    assert.deepEqual(await answering(remote, "clang-22", pathsFor(dir, null, null), host), remote);
    assert.deepEqual(host.commands, []);
  }));
