// SPDX-License-Identifier: MIT

/**
 * All fixtures of KCOV and of dataflow, in the order in which they run. The first index of a boot comes first, the race
 * for fresh guards before the other tests of unique mode: only there are its places sure to have no
 * index yet.
 */

import { dataflowBeside } from "./dataflow_beside.ts";
import { dataflowCalls } from "./dataflow_calls.ts";
import { dataflowContexts } from "./dataflow_contexts.ts";
import { dataflowFields } from "./dataflow_fields.ts";
import { dataflowFiles } from "./dataflow_files.ts";
import { dataflowInterface } from "./dataflow_interface.ts";
import { dataflowIoctl } from "./dataflow_ioctl.ts";
import { dataflowKaslr } from "./dataflow_kaslr.ts";
import { dataflowLifetime } from "./dataflow_lifetime.ts";
import { dataflowModules } from "./dataflow_modules.ts";
import { dataflowRing } from "./dataflow_ring.ts";
import { dataflowSmp } from "./dataflow_smp.ts";
import { dataflowStructs } from "./dataflow_structs.ts";
import { dataflowValues, dataflowWidths } from "./dataflow_values.ts";
import { kcovC } from "./kcov_c.ts";
import { kcovBounds } from "./kcov_bounds.ts";
import { kcovCmp } from "./kcov_cmp.ts";
import { kcovCompare } from "./kcov_compare.ts";
import { kcovDedup } from "./kcov_dedup.ts";
import { kcovEnds, kcovFirst } from "./kcov_ends.ts";
import { kcovErrors } from "./kcov_errors.ts";
import { kcovKaslr } from "./kcov_kaslr.ts";
import { kcovLifetime } from "./kcov_lifetime.ts";
import { kcovMapping } from "./kcov_mapping.ts";
import {
  kcovModules,
  kcovModulesUnique,
  kcovModuleSymbols,
  kcovModuleTarget,
} from "./kcov_modules.ts";
import { kcovPcs } from "./kcov_pcs.ts";
import { kcovRemote } from "./kcov_remote.ts";
import { kcovSectionEnds } from "./kcov_section_ends.ts";
import { kcovSection, kcovSectionOver, kcovSections, kcovSectionsSmp } from "./kcov_sections.ts";
import { kcovSmp } from "./kcov_smp.ts";
import { kcovStability } from "./kcov_stability.ts";
import { kcovSwitch, kcovSwitchSmp } from "./kcov_switches.ts";
import { kcovUsb } from "./kcov_usb.ts";
import { kcovVhost } from "./kcov_vhost.ts";
import { kcov, kcovUniq } from "./kcov.ts";
import { kcovReset, kcovUnique } from "./kcov_unique.ts";

export const fixtures = [
  kcovFirst,
  kcov,
  kcovUniq,
  kcovSmp,
  kcovErrors,
  kcovPcs,
  kcovStability,
  kcovKaslr,
  kcovCmp,
  kcovCompare,
  kcovBounds,
  kcovMapping,
  kcovSwitch,
  kcovSwitchSmp,
  kcovLifetime,
  kcovRemote,
  kcovSection,
  kcovSections,
  kcovSectionOver,
  kcovSectionEnds,
  kcovSectionsSmp,
  kcovUsb,
  kcovVhost,
  kcovUnique,
  kcovEnds,
  kcovDedup,
  kcovReset,
  kcovModules,
  kcovModulesUnique,
  kcovModuleSymbols,
  kcovModuleTarget,
  dataflowInterface,
  dataflowIoctl,
  dataflowFiles,
  dataflowKaslr,
  dataflowWidths,
  dataflowValues,
  dataflowFields,
  dataflowStructs,
  dataflowCalls,
  dataflowRing,
  dataflowContexts,
  dataflowLifetime,
  dataflowSmp,
  dataflowBeside,
  dataflowModules,
  kcovC,
];
