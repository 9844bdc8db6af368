// SPDX-License-Identifier: MIT
/** Appended to the port: a test more for each of its variants, all but one of which skip in linux-6.12/kcov. */
export const BROKEN_TEST = `
kcov.test("expects_no_pcs", (_t, device, variant) => {
  const batch = new Batch();
  device.resetIn(batch, variant.reset);
  readNothing(batch);
  const count = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(count), 0n, "entries of one read(-1)");
});
`;
