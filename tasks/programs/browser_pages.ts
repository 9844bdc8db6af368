// SPDX-License-Identifier: MIT
/** Pages that the browser tier opens, of recorded runs, and the browser that opens them. */
import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { pathToFileURL } from "node:url";
import { IN_ITS_FOLDER, type PageSurroundings } from "../core/page/build_model.ts";
import { reportPage } from "../steps/report_page.ts";
import { folderFiles } from "../steps/run_files.ts";
import { startBrowser } from "../testing/browser.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { compared, layDown, type PageRun, recordedRun, withFigures } from "../testing/page_runs.ts";

export const CELLS = {
  "linux-6.1/kcov": "green",
  "linux-6.12/kcov": "crash-null-deref",
  "linux-6.12/kcov-kasan": "crash-use-after-free",
  "linux-6.12/kcov-cmp": "tests-fail",
  "linux-6.12/nokcov": "declared-skips",
  "linux-6.12-unique/kcov": "crash-soft-lockup",
  "linux-6.12-unique/kcov-unique": "green",
  "linux-6.12-unique/kcov-unique-kasan": "crash-warn",
  "linux-6.12-unique/kcov-unique-modules": "panic-without-init",
  "linux-6.12-unique/kcov-unique-debug": "crash-triple-fault",
  "linux-6.12-unique/kcov-unique/smp4": "green",
};
export const RED = "linux-6.12/kcov";

const dir = await Deno.makeTempDir({ prefix: "kmatrix-browser-" });
const browser: Browser = await startBrowser();
Deno.test.afterAll(async () => {
  await browser.close();
  await Deno.remove(dir, { recursive: true });
});

/** Lays a run down and makes its page; gives the address. */
export async function pageOf(
  name: string,
  run: PageRun,
  surroundings: PageSurroundings = IN_ITS_FOLDER,
): Promise<string> {
  const folder = `${dir}/${name}`;
  await Deno.mkdir(folder);
  await layDown(run, folder);
  const file = `${folder}/report.html`;
  const files = await folderFiles(folder, new FakeHost());
  await Deno.writeTextFile(file, await reportPage(run.run, files, surroundings));
  return pathToFileURL(file).href;
}

/** As of a live run, whose kernel is there: stacks have source lines. */
function withSources({ run, consoles }: PageRun): PageRun {
  const cells = run.cells.map((cell) => ({
    ...cell,
    splats: cell.splats.map((splat) => ({
      ...splat,
      frames: splat.frames.map((frame) => ({ ...frame, source: [SOURCE] })),
    })),
  }));
  return { run: { ...run, cells }, consoles };
}

export const SOURCE = "vfs_write fs/read_write.c:588";
export const RUN = withSources(await recordedRun(CELLS));
export const URL_OF_RUN = await pageOf("a run, with blanks & #", RUN);

/** The cells of the run as they were before: one more, one that is gone, and two the other way. */
const EARLIER = {
  ...CELLS,
  [RED]: "green",
  "linux-6.1/kcov": "tests-fail",
  "linux-6.1/kcov-gone": "green",
};
export const URL_OF_COMPARED = await comparedPage();

async function comparedPage(): Promise<string> {
  const { "linux-6.12/nokcov": _new, ...cells } = EARLIER;
  const before = withFigures(await recordedRun(cells), { textBytes: 2_690_000, kernelMs: 900 });
  const after = withFigures(RUN, { textBytes: 2_700_000, kernelMs: 9000 });
  const warnings = {
    before: ["kernel/kcov.c: warning: unused variable 'a'"],
    after: ["kernel/kcov.c: warning: <img src=x onerror=alert(1)> is set and not used"],
  };
  const comparison = compared(before, after, warnings);
  return await pageOf("compared", after, { filesAt: "../a run/", comparison });
}

/** Opens an address; whatever the page complains of, or asks of a network, fails the test. */
export async function opened(
  address: string,
  body: (page: Page) => Promise<void>,
  { refusals, ...options }: BrowserContextOptions & {
    /** What the browser says where it refuses what a test tries. */
    readonly refusals?: RegExp;
  } = {},
): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith("data:") && url.split("#")[0] !== address.split("#")[0]) {
      complaints.push(`request: ${url}`);
    }
  });
  try {
    await page.goto(address);
    await body(page);
    assert.deepEqual(complaints.filter((one) => !refusals?.test(one)), []);
  } finally {
    await context.close();
  }
}
