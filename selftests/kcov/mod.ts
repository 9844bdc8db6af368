// SPDX-License-Identifier: MIT

/**
 * All KCOV fixtures, in the order in which they run. The race for fresh guards comes before the other
 * tests of unique mode: only there are its places sure to have no index yet.
 */

import { kcovC } from "./kcov_c_test.ts";
import { kcovBounds } from "./kcov_bounds_test.ts";
import { kcovCmp } from "./kcov_cmp_test.ts";
import { kcovDedup } from "./kcov_dedup_test.ts";
import { kcovErrors } from "./kcov_errors_test.ts";
import { kcovLifetime } from "./kcov_lifetime_test.ts";
import {
  kcovModules,
  kcovModulesUnique,
  kcovModuleSymbols,
  kcovModuleTarget,
} from "./kcov_modules_test.ts";
import { kcovPcs } from "./kcov_pcs_test.ts";
import { kcovRemote } from "./kcov_remote_test.ts";
import { kcovSmp } from "./kcov_smp_test.ts";
import { kcov, kcovUniq } from "./kcov_test.ts";
import { kcovReset, kcovUnique } from "./kcov_unique_test.ts";

export const fixtures = [
  kcov,
  kcovUniq,
  kcovSmp,
  kcovErrors,
  kcovPcs,
  kcovCmp,
  kcovBounds,
  kcovLifetime,
  kcovRemote,
  kcovUnique,
  kcovDedup,
  kcovReset,
  kcovModules,
  kcovModulesUnique,
  kcovModuleSymbols,
  kcovModuleTarget,
  kcovC,
];
