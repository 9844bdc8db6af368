// SPDX-License-Identifier: MIT
/** Tier 1: what recorded crashes of real kernels say of themselves, by kind and by place. */
import assert from "node:assert/strict";
import { consoleLines, findSplats } from "../core/console/splats.ts";
import { plainName } from "../core/console/stack_frame.ts";
import { readSituations } from "./recordings.ts";

/** Recording → kind of the first complaint, and the function that it happened in. */
const DUE: Readonly<Record<string, readonly [id: string, inside: string]>> = {
  "crash-bad-pointer": ["general-protection", "kmatrix_crash_bad_pointer"],
  "crash-bug": ["bug", "kmatrix_crash_bug"],
  "crash-list-corruption": ["list-corruption", "kmatrix_crash_list_corruption"],
  "crash-null-deref": ["page-fault", "kmatrix_crash_null_deref"],
  "crash-out-of-bounds": ["kasan-out-of-bounds", "kmatrix_crash_out_of_bounds"],
  "crash-out-of-memory": ["oom", "handle_mm_fault"],
  "crash-panic": ["panic", "kmatrix_crash_panic"],
  "crash-rcu-stall": ["rcu-stall", "kmatrix_crash_rcu_stall"],
  "crash-sleep-forever": ["hung-task", "kmatrix_crash_sleep_forever"],
  "crash-sleep-in-atomic": ["atomic-schedule", "kmatrix_crash_sleep_in_atomic"],
  "crash-soft-lockup": ["soft-lockup", "kmatrix_crash_soft_lockup"],
  "crash-stack-overflow": ["stack-overflow", "kmatrix_crash_stack_overflow"],
  "crash-stack-smash": ["stack-protector", "kmatrix_crash_stack_smash"],
  "crash-use-after-free": ["kasan-use-after-free", "kmatrix_crash_use_after_free"],
  "crash-warn": ["warning", "kmatrix_crash_warn"],
  "initcall-bug": ["bug", "initcall_fault_bug"],
  "initcall-loop": ["rcu-stall", "initcall_fault_loops_without_preemption"],
};

const SITUATIONS = await readSituations();

for (const { name, recording } of SITUATIONS) {
  const due = DUE[name];
  if (!due) continue;
  const console = new TextDecoder().decode(recording.console);

  Deno.test(`findSplats() finds kind and place in the recording "${name}"`, () => {
    const [splat] = findSplats(console);
    assert.deepEqual([splat!.id, plainName(splat!.blamed!.function)], due);
    assert.equal(splat!.root, true);
  });

  Deno.test(`the fingerprint of "${name}" is that of a kernel laid out in another way`, () => {
    // Every function elsewhere and of another size, as with another config or compiler.
    const other = console
      .replace(/\+0x([0-9a-f]+)\/0x([0-9a-f]+)/g, "+0x1$1/0x2$2")
      .replace(/\bffff[0-9a-f]{12}\b/g, "ffff123456789abc")
      .replace(/CPU: 0 (UID: 0 )?PID: \d+/g, "CPU: 1 $1PID: 4321");
    assert.notEqual(other, console);
    assert.equal(findSplats(other)[0]!.fingerprint, findSplats(console)[0]!.fingerprint);
  });

  Deno.test(`no part of "${name}" is a second complaint`, () => {
    const titles = findSplats(console).filter(({ root }) => root).map(({ title }) => title);
    const lines = consoleLines(console);
    // A scheduler that was entered in a bad state goes on to complain; all others speak once.
    const several = ["crash-sleep-in-atomic", "crash-sleep-forever", "crash-soft-lockup"];
    assert.equal(titles.length === 1 || several.includes(name), true, titles.join("\n"));
    for (const title of titles) assert.ok(lines.some((line) => line.trim() === title));
  });
}

Deno.test("the fingerprint of a NULL dereference is the same under KASAN, which calls it otherwise", () => {
  const { recording } = SITUATIONS.find(({ name }) => name === "crash-null-deref")!;
  const plain = new TextDecoder().decode(recording.console);
  // clang checks the shadow of address 0 first, which is no address at all; the functions are
  // larger, so one that was inlined into a caller is on its own.
  const words =
    "probably for non-canonical address 0xdffffc0000000000: 0000 [#1] PREEMPT SMP KASAN";
  const kasan = plain.split("\n")
    .filter((line) => !/#PF: |PGD |Oops: Oops: /.test(line))
    .map((line) => line.replace(/BUG: kernel NULL .*/, `Oops: general protection fault, ${words}`))
    .map((line) => line.replace(/^(.*) full_proxy_write\+.*/, "$1 open_proxy_file+0x40/0x90\n$&"))
    .join("\n");
  const [before, after] = [plain, kasan].map((text) => findSplats(text)[0]!);
  assert.deepEqual([before!.id, after!.id], ["page-fault", "general-protection"]);
  assert.equal(after!.fingerprint, before!.fingerprint);
  const other = findSplats(plain.replaceAll("kmatrix_crash_null_deref", "another"))[0]!;
  assert.notEqual(other.fingerprint, before!.fingerprint);
});
