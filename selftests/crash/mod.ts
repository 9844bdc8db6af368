// SPDX-License-Identifier: MIT

/** Tests that end badly on purpose, between two that must not be blamed for it. */

import { crashAfter, crashBefore, crashModule, crashUser } from "./crash_tests.ts";

export const fixtures = [crashBefore, crashModule, crashUser, crashAfter];
