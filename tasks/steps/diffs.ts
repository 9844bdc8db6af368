// SPDX-License-Identifier: MIT
/** Diffs out of patches and mails, by git's own mailinfo and apply: the one way in for all series. */
import type { Host } from "../host/host.ts";
import type { SeriesPatch } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { bytesAsText, type DiffFacts, scanDiff } from "../core/source/diff.ts";
import { hasEndlessHeaders, isMail } from "../core/source/mail.ts";
import { namesOf, patchName, refusal } from "../core/source/series.ts";
import { gitScript, NO_REPOSITORY } from "./git.ts";

/** A patch as git apply takes it. */
export interface Diff {
  readonly patch: SeriesPatch;
  /** The patch itself, or what was made of it. */
  readonly file: string;
  readonly strip: number;
  readonly facts: DiffFacts;
  /** Paths in the tree that it reads, writes, makes or removes. */
  readonly names: readonly string[];
  /** A line for each thing that was put right. */
  readonly notices: readonly string[];
}

/**
 * Makes of each patch $2 what git apply reads, in $3: of a mail its diff, of CR LF line ends LF,
 * and no byte order mark, behind which git does not see the first header.
 */
const EXTRACT = `while [ $# -gt 0 ]; do
  case $1 in
  mail) git mailinfo -n "$3.message" "$3" < "$2" > /dev/null || exit ;;
  marked) tail -c +4 < "$2" > "$3" || exit ;;
  crlf) sed 's/\\r$//' "$2" > "$3" || exit ;;
  esac
  shift 3
done`;

/** The names in each diff $2 as git reads them with -p$1, into $2.names; what it says into $2.log. */
const NAMES = `while [ $# -gt 0 ]; do
  git apply --numstat -z -p"$1" -- "$2" > "$3.names" 2> "$3.log" || : > "$3.failed"
  shift 3
done`;

interface Read {
  readonly patch: SeriesPatch;
  readonly file: string;
  readonly text: string;
  readonly facts: DiffFacts;
  readonly notices: string[];
}

/**
 * @param dir Folder for what is made of the patches; it exists, and is the caller's to remove.
 * @throws KmatrixError "patch" (does-not-apply, no-such-patch) naming the patch and what is wrong
 *   with it, before any of them is applied.
 */
export async function extractDiffs(
  series: readonly SeriesPatch[],
  dir: string,
  host: Host,
): Promise<Diff[]> {
  const reads = await readDiffs(series, dir, host);
  const strips = reads.map(({ patch, facts }) => patch.strip ?? (facts.bareNames ? 0 : 1));
  for (const [index, { patch, facts }] of reads.entries()) {
    const why = refusal(facts, strips[index]!, []);
    if (why !== null) throw refused(patch, why);
  }
  const outs = reads.map((_, index) => `${dir}/${index}`);
  await run(
    NAMES,
    reads.flatMap(({ file }, index) => [`${strips[index]}`, file, outs[index]!]),
    host,
  );
  return await Promise.all(reads.map(async ({ patch, file, facts, notices }, index) => {
    const [strip, out] = [strips[index]!, outs[index]!];
    if (await host.fs.exists(`${out}.failed`)) {
      const log = await host.fs.readText(`${out}.log`);
      throw refused(patch, unreadable(facts, log), log);
    }
    const listed = (await host.fs.readText(`${out}.names`)).split("\0").filter(Boolean)
      .map((record) => record.split("\t").slice(2).join("\t"));
    const names = [
      ...new Set([
        ...listed,
        ...facts.files.filter(({ movedFrom }) => movedFrom !== null)
          .flatMap((one) => namesOf({ ...one, oldName: null, newName: null }, strip)),
      ]),
    ];
    const why = refusal(facts, strip, names);
    if (why !== null) throw refused(patch, why);
    if (patch.strip === undefined && strip === 0) {
      notices.push(`${patchName(patch)}: names without a/ and b/, taken as they stand (-p0)`);
    }
    return { patch, file, strip, facts, names, notices };
  }));
}

function refused(patch: SeriesPatch, why: string, detail = ""): KmatrixError {
  const name = patchName(patch);
  return new KmatrixError("patch", "does-not-apply", `${name} ${why}`, detail.trim(), {
    ...{ kind: "patch", patch: name, problems: [] },
  });
}

/** Why git sees no diff, or a damaged one. */
function unreadable({ files }: DiffFacts, log: string): string {
  if (files.length === 0) return "holds no diff";
  const line = /at (?:.*:)?(?:line )?(\d+)\s*$/m.exec(log)?.[1];
  return `does not apply: ${line ? `line ${line} of the diff is damaged` : "git cannot read it"}`;
}

async function readDiffs(
  series: readonly SeriesPatch[],
  dir: string,
  host: Host,
): Promise<Read[]> {
  const kinds = await Promise.all(series.map((patch) => kindOf(patch, host)));
  const files = series.map(({ file }, index) =>
    kinds[index]!.kind === "plain" ? file : `${dir}/${index}.diff`
  );
  const made = kinds.flatMap(({ kind }, index) =>
    kind === "plain" ? [] : [kind, series[index]!.file, files[index]!]
  );
  if (made.length > 0) await run(EXTRACT, made, host);
  const reads: Read[] = [];
  for (const [index, patch] of series.entries()) {
    let [file, text] = [files[index]!, kinds[index]!.text];
    if (file !== patch.file) text = bytesAsText(await host.fs.readBytes(file));
    let facts = scanDiff(text);
    const notices: string[] = [];
    if (facts.carriageReturns) {
      await run(EXTRACT, ["crlf", file, file = `${dir}/${index}.lf`], host);
      text = bytesAsText(await host.fs.readBytes(file));
      facts = scanDiff(text);
      notices.push(`${patchName(patch)}: its lines end with CR LF, its headers too: taken as LF`);
    }
    reads.push({ patch, file, text, facts, notices });
  }
  return reads;
}

/** What a patch file is, and its text where that is read as it is. */
async function kindOf(
  patch: SeriesPatch,
  host: Host,
): Promise<{ kind: "mail" | "marked" | "plain"; text: string }> {
  let bytes;
  try {
    bytes = await host.fs.readBytes(patch.file);
  } catch (error) {
    const text = `${patch.file} cannot be read: ${(error as Error).message}`;
    throw new KmatrixError("usage", "no-such-patch", text);
  }
  const text = bytesAsText(bytes);
  if (isMail(text)) {
    if (hasEndlessHeaders(text)) throw refused(patch, "is a mail whose headers have no end");
    return { kind: "mail", text: "" };
  }
  return { kind: text.startsWith("\xef\xbb\xbf") ? "marked" : "plain", text };
}

async function run(script: string, words: readonly string[], host: Host): Promise<void> {
  const argv = ["sh", "-c", script, "sh", ...words];
  const { code, stderr } = await gitScript(argv, host, { env: NO_REPOSITORY });
  if (code === 0) return;
  throw new KmatrixError("infra", "git-failed", "the patches of a series cannot be read", stderr);
}
