// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cases } from "./fake_cases.ts";

cases("verify-variants", "nothing built", [
  ["what cannot be compared is no proof", async (project) => {
    const off = await project.run("verify-variants", "fake/kcov", "--late-instrumentation", "off");
    assert.equal(off.code, 2, off.out + off.err);
    assert.equal(await project.started("clang"), 0);
    const none = await project.run("verify-variants", "fake/no-such");
    assert.equal(none.code, 4, none.out + none.err);
    // Without ccache nothing is instrumented late.
    const plain = await project.run("verify-variants", "fake/kcov");
    assert.equal(plain.code, 4, plain.out + plain.err);
    assert.match(plain.err + plain.out, /\[nothing-late,/);
  }],
]);
