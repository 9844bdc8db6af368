// SPDX-License-Identifier: MIT
/** The kernel's functions as the guest finds them by address (docs/guest.md). */
export { packSymbols } from "../../selftests/kcov/symbol_table.ts";
