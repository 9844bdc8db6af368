// SPDX-License-Identifier: MIT

/**
 * Fixtures of a project of one's own: none. The host adds those of the files beside its matrix, and the
 * guest's bundle has them in the place of this file (tasks/stages/pack.ts).
 */

import type { AnyFixture } from "./harness/fixtures.ts";

export const fixtures: readonly AnyFixture[] = [];
