// SPDX-License-Identifier: MIT

/**
 * All KCOV fixtures, in the order in which they run. The race for fresh guards comes before the other
 * tests of unique mode: only there are its places sure to have no index yet.
 */

import { kcovC } from "./kcov_c.ts";
import { kcovBounds } from "./kcov_bounds.ts";
import { kcovCmp } from "./kcov_cmp.ts";
import { kcovCompare } from "./kcov_compare.ts";
import { kcovDedup } from "./kcov_dedup.ts";
import { kcovErrors } from "./kcov_errors.ts";
import { kcovKaslr } from "./kcov_kaslr.ts";
import { kcovLifetime } from "./kcov_lifetime.ts";
import {
  kcovModules,
  kcovModulesUnique,
  kcovModuleSymbols,
  kcovModuleTarget,
} from "./kcov_modules.ts";
import { kcovPcs } from "./kcov_pcs.ts";
import { kcovRemote } from "./kcov_remote.ts";
import { kcovSection, kcovSectionOver, kcovSections, kcovSectionsSmp } from "./kcov_sections.ts";
import { kcovSmp } from "./kcov_smp.ts";
import { kcovUsb } from "./kcov_usb.ts";
import { kcov, kcovUniq } from "./kcov.ts";
import { kcovReset, kcovUnique } from "./kcov_unique.ts";

export const fixtures = [
  kcov,
  kcovUniq,
  kcovSmp,
  kcovErrors,
  kcovPcs,
  kcovKaslr,
  kcovCmp,
  kcovCompare,
  kcovBounds,
  kcovLifetime,
  kcovRemote,
  kcovSection,
  kcovSections,
  kcovSectionOver,
  kcovSectionsSmp,
  kcovUsb,
  kcovUnique,
  kcovDedup,
  kcovReset,
  kcovModules,
  kcovModulesUnique,
  kcovModuleSymbols,
  kcovModuleTarget,
  kcovC,
];
