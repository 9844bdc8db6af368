// SPDX-License-Identifier: MIT
/** Debian's Chromium, for tests of the page in a browser; installed where it is missing. */
import { type Browser, chromium } from "playwright-core";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

async function found(program: string): Promise<string | null> {
  const { success, stdout } = await new Deno.Command("sh", {
    args: ["-c", 'command -v "$1"', "sh", program],
  }).output();
  return success ? new TextDecoder().decode(stdout).trim() : null;
}

async function anyBrowser(): Promise<string | null> {
  const named = Deno.env.get("CHROMIUM");
  if (named) return named;
  for (const program of PROGRAMS) {
    const path = await found(program);
    if (path !== null) return path;
  }
  return null;
}

const INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"];

async function install(): Promise<void> {
  const sudo = Deno.uid() === 0 ? [] : ["sudo", "-n"];
  for (const words of [["apt-get", "update"], INSTALL]) {
    const [program, ...args] = [...sudo, ...words];
    const { success } = await new Deno.Command(program!, { args, stdout: "null" }).output();
    if (!success) throw new Error(`no Chromium, and this failed: ${words.join(" ")}`);
  }
}

/** @throws Error where there is no Chromium and none can be installed. CHROMIUM= names one. */
export async function startBrowser(): Promise<Browser> {
  if (await anyBrowser() === null) await install();
  const executablePath = await anyBrowser();
  if (executablePath === null) throw new Error("Chromium was installed and is not found");
  // Its own sandbox needs more than root in a container has; what it opens is the page alone.
  const args = Deno.uid() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath, args });
}
