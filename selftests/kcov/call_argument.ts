// SPDX-License-Identifier: MIT

/** Arguments of a call that the host asks for, as memory of the guest. */

import type { CoverArgument } from "../contract/cover.ts";
import type { BatchArgument } from "../harness/batch.ts";
import { cString } from "../harness/guest.ts";

export function argumentOf(argument: CoverArgument): BatchArgument {
  switch (argument.kind) {
    case "integer":
      return BigInt(argument.value);
    case "text":
      return cString(argument.value);
    case "buffer":
      // Filled, so that its pages are there before the window opens.
      return new Uint8Array(argument.bytes).fill(0);
    case "words":
      return new BigUint64Array(argument.values.map((value) => BigInt.asUintN(64, BigInt(value))));
  }
}
