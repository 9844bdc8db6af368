// SPDX-License-Identifier: MIT
/**
 * A .config file as people have it: of a fuzzer's report, of a distribution, of /proc/config.gz, with
 * lines appended, pasted or cut off. Unlike a fragment of ours it is read as the kernel reads it: what
 * is no setting is passed over, and of two the last one holds; both are told.
 */
import type { Arch } from "../arch/arch.ts";
import { OPTIONS_OF_ARCHITECTURES } from "../arch/options.ts";
import { KmatrixError } from "../model/errors.ts";
import { counted } from "../text/counted.ts";
import { configLine, type FragmentLine, shortened } from "../kconfig/fragment.ts";
import { isBareValue, QUOTED, sameValue } from "../kconfig/values.ts";

export interface BaseFile {
  /** Each option once, where it stands last. */
  readonly lines: readonly FragmentLine[];
  /** Of the head that Kconfig writes: what it was made for; null without such a head. */
  readonly madeFor: { readonly arch: string; readonly version: string } | null;
  readonly notices: readonly string[];
}

/** What other files begin with, and how a .config is got out of them. */
const FOREIGN: readonly { readonly magic: readonly number[]; readonly what: string }[] = [
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: "xz data: unpack it with xz -d" },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], what: "zstd data: unpack it with zstd -d" },
  { magic: [0x42, 0x5a, 0x68], what: "bzip2 data: unpack it with bzip2 -d" },
  { magic: [0x50, 0x4b, 0x03, 0x04], what: "a zip archive: unpack it" },
  {
    magic: [0x7f, 0x45, 0x4c, 0x46],
    what: "an ELF file: scripts/extract-ikconfig of a kernel tree prints the .config in a kernel",
  },
  {
    magic: [0x4d, 0x5a],
    what: "a kernel image: scripts/extract-ikconfig of a kernel tree prints the .config in it",
  },
];

/** The text of a file that may be a .config. @throws KmatrixError "usage" (bad-base). */
export function checkBaseFile(bytes: Uint8Array, written: string): string {
  const bad = (what: string, hint = "") =>
    new KmatrixError("usage", "bad-base", `base ${written}: ${what}`, hint);
  if (bytes.length === 0) throw bad("the file is empty");
  const foreign = FOREIGN.find(({ magic }) => magic.every((byte, at) => bytes[at] === byte));
  if (foreign !== undefined) throw bad(`this is ${foreign.what}`);
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) ||
    (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (isWide) throw bad("this is UTF-16: save the file as UTF-8");
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw bad(`this is no text: byte ${zero} is zero`);
  return new TextDecoder().decode(bytes).replace(/^\uFEFF/, "");
}

/**
 * The settings of a .config's text.
 * @throws KmatrixError "usage" (bad-base) for a text without any, for one of mostly other lines, and
 *   for one of another architecture.
 */
export function parseBaseFile(text: string, file: string, arch: Arch): BaseFile {
  const bad = (what: string, hint = "") =>
    new KmatrixError("usage", "bad-base", `base ${file}: ${what}`, hint);
  const settings = new Map<string, FragmentLine>();
  const [passedOver, replaced]: [FragmentLine[], FragmentLine[]] = [[], []];
  for (const [index, raw] of text.split(/\r*\n|\r/).entries()) {
    const line = raw.trimEnd();
    const setting = settingOf(line);
    if (setting === null) {
      if (line === "" || line.startsWith("#")) continue;
      passedOver.push({ option: "", value: "", file, line: index + 1, text: line });
      continue;
    }
    const found = { ...setting, file, line: index + 1, text: line };
    const earlier = settings.get(found.option);
    if (earlier && !sameValue(earlier.value, found.value)) replaced.push(found);
    settings.set(found.option, found);
  }
  if (settings.size === 0) {
    throw bad("no line of this file sets an option", hintOf(text));
  }
  if (passedOver.length > settings.size) {
    throw bad(
      `${passedOver.length} lines set no option, and ${settings.size} do: this is no .config`,
      quoted(passedOver),
    );
  }
  const madeFor = headOf(text);
  const foreign = otherArchitecture(settings, madeFor?.arch ?? null, arch);
  if (foreign !== null) {
    throw bad(
      `this is a .config of ${foreign}, and cells here are of ${arch.title}`,
      "Options of another architecture mean nothing to this one: take its defconfig as the base.",
    );
  }
  const notices: string[] = [];
  if (passedOver.length > 0) {
    notices.push(`${counted(passedOver.length, "line")} set no option: ${quoted(passedOver)}`);
  }
  if (replaced.length > 0) {
    const count = counted(replaced.length, "option");
    notices.push(`${count} set twice, of which the last line holds: ${quoted(replaced)}`);
  }
  return { lines: [...settings.values()], madeFor, notices };
}

/** What a line sets, as conf_read_simple() of the kernel's confdata.c reads it; null for none. */
function settingOf(line: string): Pick<FragmentLine, "option" | "value"> | null {
  const unset = /^# (CONFIG_[A-Za-z0-9_]+) is not set\b/.exec(line);
  if (unset !== null) return { option: unset[1]!, value: "n" };
  const set = /^(CONFIG_[A-Za-z0-9_]+)=(.*)$/.exec(line);
  if (set === null) return null;
  const [, option, value] = set as unknown as [string, string, string];
  return QUOTED.test(value) || isBareValue(value) ? { option, value } : null;
}

/** "# Linux/<architecture> <version> Kernel Configuration" (conf_write_heading()). */
function headOf(text: string): BaseFile["madeFor"] {
  const head = /^# Linux\/(\S+) (\S+) Kernel Configuration\s*$/m.exec(text.slice(0, 4096));
  return head === null ? null : { arch: head[1]!, version: head[2]! };
}

/** Another architecture than ours that a .config says it is of; null for ours, and where it says none. */
function otherArchitecture(
  settings: ReadonlyMap<string, FragmentLine>,
  head: string | null,
  { title, name, aliases }: Arch,
): string | null {
  const said = Object.keys(OPTIONS_OF_ARCHITECTURES).find((option) =>
    settings.get(option)?.value === "y"
  );
  if (said !== undefined) {
    return OPTIONS_OF_ARCHITECTURES[said] === title ? null : OPTIONS_OF_ARCHITECTURES[said]!;
  }
  return head === null || head === name || aliases.includes(head) ? null : head;
}

/** What a file without settings may be. */
function hintOf(text: string): string {
  if (/^\s*<(?:!doctype|html|\?xml)/i.test(text)) {
    return "It is a web page: save the plain text that the page links to.";
  }
  if (/^\s*config\s+\w+\s*$/m.test(text)) {
    return "It is a Kconfig file, which defines options; a .config sets them (CONFIG_X=y).";
  }
  return "A .config has lines such as CONFIG_X=y and # CONFIG_X is not set.";
}

const MAX_QUOTED = 3;

function quoted(lines: readonly FragmentLine[]): string {
  const shown = lines.slice(0, MAX_QUOTED).map(({ line, text }) =>
    `line ${line}: ${JSON.stringify(shortened(text))}`
  );
  const more = lines.length > MAX_QUOTED ? `, and ${lines.length - MAX_QUOTED} more` : "";
  return shown.join(", ") + more;
}

/** The settings as a .config that any kernel reads. */
export function baseFileText({ lines }: BaseFile): string {
  return lines.map(({ option, value }) => `${configLine(option, value)}\n`).join("");
}
