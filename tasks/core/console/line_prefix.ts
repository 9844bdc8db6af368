// SPDX-License-Identifier: MIT
/**
 * What stands in front of a kernel message in the logs that people have: printk's own stamps, those
 * of dmesg, of /dev/kmsg and netconsole, of syslog and journalctl, and of whatever logged a console.
 */

export interface Prefixed {
  /** Of several lines where a record of /dev/kmsg has them. */
  readonly text: string;
  /** Who wrote the line, as far as the prefix says; "bare" where there is none. */
  readonly writer: "kernel" | "process" | "bare";
  /** "T1" or "C0" where the kernel has CONFIG_PRINTK_CALLER, else "". */
  readonly caller: string;
  /** The kernel's own time as it is written, or "" where there is none. */
  readonly time: string;
}

/** CONFIG_PRINTK_CALLER: a task or a CPU (print_caller() in kernel/printk/printk.c). */
const CALLER = String.raw`\[ *([CT]\d{1,10})[^\]\s]{0,40}\]`;
/**
 * CONFIG_PRINTK_TIME "[    1.234567]", also with the delta of `dmesg -d`; `dmesg -T` "[Sat Nov 28
 * 16:29:53 2026]"; `dmesg -e` "[Nov28 16:29]" and "[  +0.000012]".
 */
const TIME = String.raw`\[(?: {0,12}(\d{1,10}\.\d{1,9})(?: +< *-?\d+\.\d+ *>)?|` +
  String.raw`\p{L}{2,5}\.? \p{L}{3,5}\.? [ \d]\d \d\d:\d\d:\d\d \d{4}|` +
  String.raw`\p{L}{3,5}\.? ?\d{1,2} \d\d:\d\d| *\+\d+\.\d+)\]`;
const STAMP = new RegExp(`^${TIME}(?: ?${CALLER})? ?`, "u");
const CALLER_ONLY = new RegExp(`^${CALLER} ?`);
/** A serial line loses characters at its beginning. */
const TORN_STAMP = new RegExp(
  String.raw`^(?: *\d{0,9}\.\d{6}|\d{3,6})\](?:${CALLER})? `,
);
/**
 * Kernels of Android name CPU and task behind the stamp: "c0   1234 ", "(0)[1234:init]",
 * "[0:           init: 1234] ".
 */
const ANDROID =
  /^(?: ?c(\d{1,3}) {1,7}\d+ |\((\d{1,3})\)\[\d+:[^\]]{1,40}\]| ?\[(\d{1,3}): {0,20}[^\]:]{1,20}: *\d+\] )/;
/** `dmesg --raw` and consoles of old: the priority, of which all but three bits are a facility. */
const PRIORITY = /^<(\d{1,4})>/;
/** `dmesg -x`. */
const DECODED =
  /^(kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local\d) *:(?:emerg|alert|crit|err|warn|notice|info|debug) *: ?/;
/**
 * /dev/kmsg and extended netconsole (Documentation/ABI/testing/dev-kmsg): priority, sequence, time in
 * µs, flags, other fields.
 */
const KMSG = /^(?:\d+\.[\w.+~-]+,)?(\d{1,4}),\d+,(\d+),[-c+](?:,([^;]{0,300}))?;/;
/** In /dev/kmsg the lines behind a record say of which device it speaks. */
const KMSG_PROPERTY = /^ [A-Z_]+=/;
const DAY_TIME = String.raw`\d\d:\d\d:\d\d(?:[.,]\d{1,9})?`;
const ISO_TIME = String.raw`\d{4}-\d\d-\d\d[T ]${DAY_TIME}(?:Z|[+-]\d\d:?\d\d)?`;
/** `dmesg --time-format iso`; no other writes a comma and six digits. */
const DMESG_ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d /;
/** Traditional syslog, RFC 5424's time, journalctl's short forms; host, program, process. */
const SYSLOG = new RegExp(
  String.raw`^(?:[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?${DAY_TIME}|${ISO_TIME}|` +
    String.raw`[A-Z][a-z]{2} \d{4}-\d\d-\d\d ${DAY_TIME} \S{1,6}|\d{10}\.\d{6})` +
    String.raw` (?:([\w.:-]{1,255}) )?([\w./@()-]{1,64})(?:\[\d+\])?: ?`,
);
/** `journalctl -o short-monotonic`: a stamp, and behind it the host. */
const JOURNAL = /^[\w.-]{1,255} kernel: ?/;
const NO_HOST = /^kernel: ?/;
/** What a logger of consoles puts in front of whatever it reads. */
const LOGGER = new RegExp(
  String.raw`^(?:\[?(?:${ISO_TIME}|${DAY_TIME})\]?[ \t]*)(?=<\d|\[ *\d|\[ *[CT]\d|kernel:|$)`,
);
/** A report in a mail is quoted or indented. */
const QUOTED = /^[>| \t]{1,40}(?=(?:<\d+>)?\[ *\d+\.\d+\])/;

const kernel = (text: string, caller = "", time = ""): Prefixed => ({
  ...{ text, writer: "kernel", caller, time },
});
const process = (text: string): Prefixed => ({ text, writer: "process", caller: "", time: "" });

/** printk's time and caller taken off, if there are any. */
function stamped(line: string): Prefixed | null {
  const stamp = STAMP.exec(line);
  if (stamp) {
    const text = line.slice(stamp[0].length);
    const android = ANDROID.exec(text);
    if (android) {
      const cpu = android[1] ?? android[2] ?? android[3];
      return kernel(text.slice(android[0].length), `C${cpu}`, stamp[1]);
    }
    return kernel(text, stamp[2] ?? "", stamp[1] ?? "");
  }
  const caller = CALLER_ONLY.exec(line);
  if (caller) return kernel(line.slice(caller[0].length), caller[1]);
  return null;
}

/** A message that something else than the console has handed on: its own stamps may still be there. */
const inner = (text: string): Prefixed => stamped(text) ?? kernel(text);

function prioritised(line: string, match: RegExpExecArray): Prefixed {
  const rest = line.slice(match[0].length);
  const found = stamped(rest);
  if (Number(match[1]) >= 8) return process(found?.text ?? rest);
  return found ?? kernel(rest);
}

/** Of a record, a line end and other control characters are written as "\\x0a". */
function unescaped(text: string): string {
  return text.replace(
    /\\x([0-9a-f]{2})/g,
    (_, code: string) => String.fromCharCode(parseInt(code, 16)),
  );
}

function kmsg(line: string, match: RegExpExecArray): Prefixed {
  const text = unescaped(line.slice(match[0].length));
  if (Number(match[1]) >= 8) return process(text);
  const caller = /(?:^|,)caller=([CT]\d+)/.exec(match[3] ?? "")?.[1] ?? "";
  return kernel(text, caller, match[2]);
}

function syslog(line: string): Prefixed | null {
  const match = SYSLOG.exec(line);
  if (!match) return null;
  const text = line.slice(match[0].length);
  return match[2] === "kernel" ? inner(text) : process(text);
}

/**
 * Takes the prefix off one line, whatever wrote it. What it costs does not grow with the line: each
 * pattern is anchored and bounded.
 */
export function prefixed(line: string): Prefixed {
  const first = line.charCodeAt(0);
  // Letters, digits, "[", "<", ">", "|", " ", "." and tabs can begin a prefix.
  if (first === 0x20 || first === 0x09 || first === 0x3e || first === 0x7c) {
    const quoted = QUOTED.exec(line);
    if (quoted) return prefixed(line.slice(quoted[0].length));
    if (KMSG_PROPERTY.test(line)) return process(line);
  }
  if (first === 0x5b) {
    const found = stamped(line);
    if (found) {
      const journal = JOURNAL.exec(found.text);
      if (!journal) return found;
      return kernel(found.text.slice(journal[0].length), found.caller, found.time);
    }
  } else if (first === 0x3c) {
    const priority = PRIORITY.exec(line);
    if (priority) return prioritised(line, priority);
  } else if (first >= 0x61 && first <= 0x7a) {
    const decoded = DECODED.exec(line);
    if (decoded) {
      const found = prefixed(line.slice(decoded[0].length));
      return decoded[1] === "kern" ? { ...found, writer: "kernel" } : process(found.text);
    }
    const bare = NO_HOST.exec(line);
    if (bare) return inner(line.slice(bare[0].length));
  } else if (first >= 0x30 && first <= 0x39) {
    const record = KMSG.exec(line);
    if (record) return kmsg(line, record);
    const iso = DMESG_ISO.exec(line);
    if (iso) return inner(line.slice(iso[0].length));
  }
  if ((first >= 0x41 && first <= 0x5a) || (first >= 0x30 && first <= 0x39)) {
    const found = syslog(line);
    if (found) return found;
  }
  if (first === 0x5b || (first >= 0x30 && first <= 0x39)) {
    const logger = LOGGER.exec(line);
    if (logger && logger[0].length < line.length) return prefixed(line.slice(logger[0].length));
  }
  const torn = TORN_STAMP.exec(line);
  if (torn) return kernel(line.slice(torn[0].length), torn[1] ?? "");
  return { text: line, writer: "bare", caller: "", time: "" };
}
