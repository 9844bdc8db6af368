// SPDX-License-Identifier: MIT

/** The parent's side of the fork server, against a kernel that only counts. */

import assert from "node:assert/strict";
import { ForkServer } from "./fork_server.ts";
import { SYS } from "./guest.ts";
import type { Sys, SysArgument } from "../runtime/runtime.d.ts";

/** How the server behaves when a test is asked for. */
type Behaviour = "forks" | "dies" | "was killed before";

/** Hands out descriptors and processes and notes what becomes of them. */
function fakeKernel(behaviours: readonly Behaviour[]) {
  const openFds = new Set<number>();
  const unreaped = new Set<number>();
  const requests: number[][] = [];
  let servers = 0;
  let lastFd = 2;
  let lastPid = 100;
  const newFd = () => {
    openFds.add(++lastFd);
    return lastFd;
  };
  const newProcess = () => {
    unreaped.add(++lastPid);
    return lastPid;
  };
  const behaviour = () => behaviours[requests.length];
  const calls: Record<number, (args: readonly SysArgument[]) => number> = {
    [SYS.pipe2]: ([ends]) => {
      (ends as Int32Array).set([newFd(), newFd()]);
      return 0;
    },
    [SYS.close]: ([fd]) => {
      assert.ok(openFds.delete(fd as number), `descriptor ${fd} is closed twice`);
      return 0;
    },
    [SYS.clone]: () => {
      servers++;
      return newProcess();
    },
    [SYS.pidfdOpen]: newFd,
    [SYS.write]: ([, request]) => {
      requests.push([...(request as Int32Array)]);
      return 0;
    },
    [SYS.read]: ([, answer]) => {
      // The pipe of a test's process is at its end.
      if (!(answer instanceof Int32Array)) return 0;
      answer[0] = newProcess();
      return 4;
    },
    [SYS.ppoll]: ([polled, count]) => {
      const fds = polled as Int32Array;
      if (count === 1) return behaviour() === "was killed before" ? 1 : 0;
      const server = behaviours[requests.length - 1] === "dies";
      const answering = requests.length > answered;
      if (answering) answered++;
      if (!answering || server) fds[3]! |= 1 << 16;
      else fds[1]! |= 1 << 16;
      return 1;
    },
    [SYS.wait4]: ([pid, status]) => {
      assert.ok(unreaped.delete(pid as number), `process ${pid} is waited for twice`);
      (status as Int32Array)[0] = behaviours[requests.length - 1] === "dies" ? 11 : 0;
      return 0;
    },
  };
  let answered = 0;
  const call = (number: number, ...args: SysArgument[]) => calls[number]?.(args) ?? 0;
  const sys = { call, tryCall: call, nowMs: () => 0, text: () => "" } as unknown as Sys;
  return { sys, openFds, unreaped, requests, servers: () => servers };
}

function runAll(behaviours: readonly Behaviour[]) {
  const kernel = fakeKernel(behaviours);
  globalThis.sys = kernel.sys;
  try {
    const server = new ForkServer(() => {});
    const ends = behaviours.map((_, index) => server.run(index, { timeoutMs: 1000 }));
    return { ...kernel, ends };
  } finally {
    globalThis.sys = undefined;
  }
}

Deno.test("ForkServer.run() asks one server for all processes and leaves nothing open", () => {
  const { ends, requests, servers, openFds, unreaped } = runAll(["forks", "forks", "forks"]);
  assert.deepEqual(ends, Array(3).fill({ kind: "exited", code: 0 }));
  assert.deepEqual(requests.map(([index]) => index), [0, 1, 2]);
  assert.equal(servers(), 1);
  assert.equal(openFds.size, 5, "two pipes and the server");
  assert.equal(unreaped.size, 1, "the server");
});

Deno.test("ForkServer.run() starts another server where a test has killed it", () => {
  const { ends, servers, openFds, unreaped } = runAll(["forks", "was killed before", "forks"]);
  assert.deepEqual(ends, Array(3).fill({ kind: "exited", code: 0 }));
  assert.equal(servers(), 2);
  assert.equal(openFds.size, 5);
  assert.equal(unreaped.size, 1);
});

Deno.test("ForkServer.run() reports the end of a server that dies of a request, and goes on", () => {
  const { ends, requests, servers, openFds } = runAll(["forks", "dies", "forks"]);
  assert.deepEqual(ends[1], { kind: "signalled", signal: "SIGSEGV" });
  assert.deepEqual([ends[0], ends[2]], Array(2).fill({ kind: "exited", code: 0 }));
  assert.equal(requests.length, 3, "each test is asked for once");
  assert.equal(servers(), 2);
  assert.equal(openFds.size, 5);
});
