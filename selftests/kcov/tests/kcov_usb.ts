// SPDX-License-Identifier: MIT

/**
 * Remote coverage of a driver of the tree: the hub of a USB bus (drivers/usb/core/hub.c), whose events
 * a kernel worker handles, and transfers, which end in softirqs (drivers/usb/core/hcd.c). dummy_hcd is
 * bus and device controller in one; loading g_zero plugs a device in.
 */

import { assert, assertEquals, assertGreater, inspect } from "../../harness/asserts.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { guest, isSysError, sleepMs, SYS } from "../../harness/guest.ts";
import { enableOrSkip, KCOV_TRACE_CMP, KCOV_TRACE_PC, openMapped, usb } from "../kcov.ts";
import { loadUntilEnd, needModules, openModule, unloadAtEnd } from "../modules.ts";
import { readKernelSymbols } from "../symbols.ts";

const BUFFER_WORDS = 1024 * 1024;
const AREA_WORDS = 256 * 1024;
/** The only bus that there is. */
const BUS = 1;
const DEVICE = `/sys/bus/usb/devices/${BUS}-1`;
const PATIENCE_MS = 20_000;

interface UsbVariant {
  readonly mode: number;
  readonly requires?: readonly Feature[];
}

export const kcovUsb = fixture("kcov_usb", {
  file: "selftests/kcov/tests/kcov_usb.ts",
  requires: ["kcov", "modules", "dummy-hcd"],
  variants: {
    pc: { mode: KCOV_TRACE_PC },
    cmp: { mode: KCOV_TRACE_CMP, requires: ["cmp"] },
  },
  setup(t, { mode }: UsbVariant) {
    const device = openMapped(t, BUFFER_WORDS);
    enableOrSkip(t, device, mode);
    device.disable();
    // The way back from enabling is collected.
    device.buffer.fill(0n);
    needModules(t);
    guest().tryCall(SYS.deleteModule, "g_zero", 0);
    for (const name of ["configfs", "libcomposite", "usb_f_ss_lb"]) {
      guest().tryCall(SYS.deleteModule, name, 0);
      loadUntilEnd(t, name);
    }
    return { device };
  },
});

function isThere(path: string): boolean {
  try {
    guest().readFile(`${path}/idVendor`);
    return true;
  } catch (error) {
    if (isSysError(error)) return false;
    throw error;
  }
}

function waitFor(what: string, condition: () => boolean): void {
  const deadlineMs = guest().nowMs() + PATIENCE_MS;
  while (!condition()) {
    if (guest().nowMs() > deadlineMs) throw new Error(`${what}: not after ${PATIENCE_MS} ms`);
    sleepMs(20);
  }
}

/** Returns when a value has not changed for some time: more than a hub waits for a port. */
function waitUntilQuiet(value: () => bigint): void {
  const QUIET_MS = 700;
  let last = value();
  let changedMs = guest().nowMs();
  const firstMs = changedMs;
  while (guest().nowMs() - changedMs < QUIET_MS && guest().nowMs() - firstMs < PATIENCE_MS) {
    sleepMs(20);
    if (value() === last) continue;
    last = value();
    changedMs = guest().nowMs();
  }
}

/** Plugs the device in, or out, and returns when the hub's worker has seen to it. */
function plug(t: TestContext): { in: () => void; out: () => void } {
  const { fd } = openModule(t, "g_zero");
  unloadAtEnd(t, "g_zero");
  return {
    in() {
      guest().call(SYS.finitModule, fd, "", 0);
      // Its configuration is what the worker chooses last.
      waitFor("a device on the bus", () => isThere(DEVICE) && isConfigured());
    },
    out() {
      guest().call(SYS.deleteModule, "g_zero", 0);
      waitFor("an empty bus", () => !isThere(DEVICE));
    },
  };
}

function isConfigured(): boolean {
  try {
    return guest().readFile(`${DEVICE}/bConfigurationValue`).trim() !== "";
  } catch (error) {
    if (isSysError(error)) return false;
    throw error;
  }
}

kcovUsb.test("events_of_the_hub_arrive_and_nothing_else_does", (t, { device }, { mode }) => {
  const other = openMapped(t, 64 * 1024);
  const { in: plugIn, out: plugOut } = plug(t);
  device.enableRemote({ traceMode: mode, areaWords: AREA_WORDS, handles: [usb(BUS)] });
  plugIn();
  // While the device's own module is there, whose code the hub's worker calls.
  const symbols = readKernelSymbols();
  const plugged = Number(device.buffer[0]!);
  assertGreater(plugged, 0, "entries after a device was plugged in");
  plugOut();
  // The worker's section ends after the device is gone: it waits for the port to be steady.
  waitUntilQuiet(() => device.buffer[0]!);
  device.disable();
  const count = Number(device.buffer[0]!);
  assertGreater(count, plugged, "entries after it was plugged out");

  const pcs = mode === KCOV_TRACE_PC
    ? [...device.distinctPcs(count)]
    : device.comparisons(count).map(({ pc }) => pc);
  const names = new Set(symbols.namesOf(pcs));
  t.log(`${count} entries, ${names.size} functions: ${[...names].slice(0, 40).join(" ")}`);
  if (mode === KCOV_TRACE_PC) {
    for (const name of ["hub_event", "usb_new_device", "usb_disconnect"]) {
      assert(names.has(name), `${name} is not covered: ${inspect([...names].slice(0, 200))}`);
    }
  }
  for (const pc of new Set(pcs)) assert(symbols.isText(pc), `entry ${pc} is no kernel text`);
  // What the system calls of this thread ran through is in no section of the bus.
  const own = [...names].filter((name) => /^__(x64|do)_sys_|^load_module$/.test(name));
  assertEquals(own, [], "functions of system calls in the trace of the bus");

  // Another bus has another handle.
  other.enableRemote({ traceMode: mode, areaWords: AREA_WORDS, handles: [usb(BUS + 1)] });
  plugIn();
  plugOut();
  other.disable();
  assertEquals(other.buffer[0], 0n, "entries of a bus that there is not");
});
