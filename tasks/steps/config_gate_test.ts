// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseFragment } from "../core/kconfig/fragment.ts";
import { parseDotConfig } from "../core/kconfig/kconfig.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { formatUnknownOffs, unknownOffs } from "./config_gate.ts";

const LINES = parseFragment(
  "CONFIG_A=y\n# CONFIG_KCOV is not set\nCONFIG_KSAN=n\n# CONFIG_ARM64 is not set\n" +
    "# CONFIG_HIDDEN is not set\n# CONFIG_RETPOLINE is not set\n# CONFIG_X86_5LEVEL is not set\n",
  "x.config",
);
const DOT_CONFIG = parseDotConfig("CONFIG_A=y\n# CONFIG_KCOV is not set\n");
const DEFINED = "config ARM64\n\tconfig HIDDEN\nmenuconfig KASAN\nmenuconfig KCSAN\n" +
  "config MITIGATION_RETPOLINE\n";

function unknown(answer: { code: number; stdout: string }, lines = LINES) {
  const host = new FakeHost({ answer: () => answer });
  return unknownOffs({ path: "/src", digest: "" }, { lines, notices: [] }, DOT_CONFIG, host);
}

Deno.test("unknownOffs() finds what is switched off by a name that the tree has similarly", async () => {
  const offs = await unknown({ code: 0, stdout: DEFINED });
  assert.equal(
    formatUnknownOffs(offs),
    "switched off, but no option of this kernel: " +
      "CONFIG_KSAN of x.config:3 (there is KASAN, KCSAN), " +
      "CONFIG_RETPOLINE of x.config:6 (there is MITIGATION_RETPOLINE)",
  );
});

Deno.test("unknownOffs() says nothing where the tree cannot be searched or nothing is off", async () => {
  assert.deepEqual(await unknown({ code: 2, stdout: "" }), []);
  assert.deepEqual(await unknown({ code: 0, stdout: "" }, LINES.slice(0, 2)), []);
});
