// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { checkRoom } from "./free_room.ts";

const withFree = (left: number) => new FakeHost({ fs: { freeBytes: () => Promise.resolve(left) } });

Deno.test("checkRoom() blames a full disk alone, by what each needs", async () => {
  await checkRoom("make", "/b", withFree(1 << 20));
  await checkRoom("boot", "/b", withFree(64 << 10));
  const make = await rejectionOf(checkRoom("make", "/b", withFree(64 << 10)));
  assert.deepEqual([make.kind, make.id], ["infra", "disk-full"]);
  assert.equal(make.message, "make failed, and the disk of /b is full (65536 bytes left)");
  const boot = await rejectionOf(checkRoom("boot", "/b", withFree(7)));
  assert.deepEqual([boot.kind, boot.id], ["infra", "disk-full"]);
  assert.equal(
    boot.message,
    "the disk of /b is full (7 bytes left): what the guest said may not be whole",
  );
});
