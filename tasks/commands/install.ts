// SPDX-License-Identifier: MIT
/** `deno task install` puts a launcher and completions below a prefix, `uninstall` removes them. */
import { basename, dirname } from "node:path/posix";
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { cachedJson } from "../core/text/shape.ts";
import { completionScript, type Shell } from "../cli/completion.ts";
import { LAUNCHER_MARK, launcherScript } from "../cli/launcher.ts";
import { group, type Values, withDefault } from "../cli/options.ts";
import { quoteWord } from "../core/text/shell.ts";
import type { Context } from "./context.ts";
import { defineCommand } from "./command.ts";

const OPTIONS = group("Place", {
  prefix: withDefault("--prefix <dir>", "the folder that holds bin/", "~/.local", (dir) => dir),
});

export const install = defineCommand({
  name: "install",
  group: "Machine",
  help: "put a launcher `kmatrix` and shell completions below a prefix",
  example: "deno task install --prefix ~/.local",
  arguments: "",
  options: OPTIONS,
  writes: () => "nothing",
  perform: (_words, options, context) => installAll(options, context),
});

export const uninstall = defineCommand({
  name: "uninstall",
  group: "Machine",
  help: "remove what `install` has put below a prefix; cache and runs stay",
  example: "deno task uninstall --prefix ~/.local",
  arguments: "",
  options: OPTIONS,
  writes: () => "nothing",
  perform: (_words, options, context) => uninstallAll(options, context),
});

/** Below a prefix, where each shell looks by itself; zsh only where it is told to. */
const COMPLETIONS: Readonly<Record<Shell, string>> = {
  bash: "share/bash-completion/completions/kmatrix",
  fish: "share/fish/vendor_completions.d/kmatrix.fish",
  zsh: "share/zsh/site-functions/_kmatrix",
};

const BIN = "bin/kmatrix";

/** Files of an installation, by path below the prefix. */
async function filesToInstall(context: Context): Promise<Record<string, string>> {
  const completions = Object.entries(COMPLETIONS).map(([shell, file]) =>
    [file, completionScript(shell as Shell, "kmatrix")] as const
  );
  return { [BIN]: await launcherHere(true, context), ...Object.fromEntries(completions) };
}

/** A script that starts this very tool. @param isNamed Whether people call it `kmatrix`. */
export async function launcherHere(
  isNamed: boolean,
  { paths: { root }, host }: Pick<Context, "paths" | "host">,
): Promise<string> {
  const flags = await denoFlags(root, host);
  const [deno, version] = [Deno.execPath(), Deno.version.deno];
  return launcherScript({ root, deno, version, flags, isNamed });
}

const projectShape = v.looseObject({
  tasks: v.looseObject({ help: v.looseObject({ command: v.string() }) }),
});

/** Those of the tool's own tasks. @throws KmatrixError "usage" for a deno.json that has none. */
async function denoFlags(root: string, host: Host): Promise<string[]> {
  const file = `${root}/deno.json`;
  const command = cachedJson(projectShape, await host.fs.readText(file))?.tasks.help.command;
  const flags = /^deno run (.+) tasks\/main\.ts$/.exec(command ?? "")?.[1];
  if (flags !== undefined) return flags.split(" ");
  throw new KmatrixError("usage", "bad-project", `${file}: its task "help" does not run the tool`);
}

/** @throws KmatrixError "usage" (bad-prefix) */
function prefixOf({ prefix }: Values<typeof OPTIONS>, { host, absolute }: Context): string {
  const home = host.env("HOME");
  if (prefix === "") throw new KmatrixError("usage", "bad-prefix", "--prefix: the path is empty");
  if (!/^~(\/|$)/.test(prefix)) return absolute(prefix);
  if (home?.startsWith("/")) return absolute(`${home}${prefix.slice(1)}`);
  const text = `--prefix ${prefix}: HOME is not set, which would say where that is`;
  throw new KmatrixError("usage", "bad-prefix", text, "Give an absolute path.");
}

/** Whether a file is there, and of whom. */
async function ownerOf(file: string, host: Host): Promise<"nobody" | "us" | "another"> {
  const entry = await host.fs.entry(file);
  if (entry === null) return "nobody";
  const text = await host.fs.readTextIfAny(file).catch(() => null);
  return text?.split("\n", 2).some((line) => line.startsWith("#") && isOurs(line))
    ? "us"
    : "another";
}

const isOurs = (line: string) =>
  line.includes(LAUNCHER_MARK) || /\bkmatrix: completion of /.test(line) ||
  line.startsWith("#compdef kmatrix");

/** @throws KmatrixError "usage": bad-prefix, not-ours, not-writable; nothing is written before all are clear. */
async function installAll(
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, terminal } = context;
  const prefix = prefixOf(options, context);
  const files = await filesToInstall(context);
  for (const name of Object.keys(files)) {
    if (await ownerOf(`${prefix}/${name}`, host) !== "another") continue;
    const text = `${prefix}/${name} is there already, and not of kmatrix`;
    throw new KmatrixError("usage", "not-ours", text, "Move it, or give another --prefix.");
  }
  for (const [name, text] of Object.entries(files)) {
    const file = `${prefix}/${name}`;
    try {
      // A link of the user's, say to a folder of dotfiles, is replaced by the file.
      await host.fs.writeText(file, text);
      if (name === BIN) await mustChmod(file, host);
    } catch (error) {
      throw unwritable(`${file} cannot be written`, error);
    }
    terminal.print(`wrote ${file}`);
  }
  for (const line of await advice(prefix, host)) terminal.print(line);
  return [];
}

async function mustChmod(file: string, host: Host): Promise<void> {
  const { code, stderr } = await host.run({ argv: ["chmod", "755", file] });
  if (code !== 0) throw new Error(stderr.trim());
}

function unwritable(what: string, error: unknown): KmatrixError {
  if (error instanceof KmatrixError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const hint = `${why}\nGive a --prefix that you may write to, such as ~/.local.`;
  return new KmatrixError("usage", "not-writable", what, hint);
}

/** What keeps `kmatrix` from being found, or completed. */
async function advice(prefix: string, host: Host): Promise<string[]> {
  const bin = dirname(`${prefix}/${BIN}`);
  const folders = (host.env("PATH") ?? "").split(":").map((one) => one.replace(/(?<=.)\/+$/, ""));
  const lines: string[] = [];
  if (bin.includes(":")) {
    lines.push(`${bin} cannot be in PATH, whose folders a colon parts: give another --prefix`);
  } else if (!folders.includes(bin)) {
    const line = `export PATH=${quoteWord(bin)}:"$PATH"`;
    lines.push(`${bin} is not in PATH: add \`${line}\` to your shell's profile`);
  } else {
    const found = await host.fs.which(basename(BIN));
    const own = await host.fs.realPath(`${prefix}/${BIN}`);
    if (found !== null && found !== own) lines.push(`PATH has another kmatrix first: ${found}`);
  }
  if (basename(host.env("SHELL") ?? "") === "zsh") {
    const folder = dirname(`${prefix}/${COMPLETIONS.zsh}`);
    lines.push(`for completion in zsh, put \`fpath+=(${quoteWord(folder)})\` in front of compinit`);
  }
  return lines;
}

/** @throws KmatrixError "no-match" where there is nothing to remove, "usage" (not-ours, not-writable). */
async function uninstallAll(
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, terminal } = context;
  const prefix = prefixOf(options, context);
  const names = [BIN, ...Object.values(COMPLETIONS)];
  let removed = 0;
  for (const name of names) {
    const file = `${prefix}/${name}`;
    const owner = await ownerOf(file, host);
    if (owner === "nobody") continue;
    if (owner === "another") {
      host.log("warn", `${file} is not of kmatrix: it stays`);
      continue;
    }
    try {
      await host.fs.remove(file);
    } catch (error) {
      throw unwritable(`${file} cannot be removed`, error);
    }
    terminal.print(`removed ${file}`);
    removed++;
  }
  if (removed > 0) return [];
  const text = `there is no kmatrix below ${prefix}`;
  throw new KmatrixError(
    "no-match",
    "not-installed",
    text,
    "--prefix names where it is installed.",
  );
}
