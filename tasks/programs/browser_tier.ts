// SPDX-License-Identifier: MIT
/**
 * `deno task test:browser`: report.html in Chromium, which it installs where there is none. From a red
 * cell to the line of the console by mouse and by keys alone, what screen readers get (axe-core), a
 * hostile console, 20 MB of consoles, print, no scripts. Prints what it has measured.
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { withNoise } from "../testing/page_runs.ts";
import {
  CELLS,
  opened,
  pageOf,
  RED,
  RUN,
  SOURCE,
  URL_OF_COMPARED,
  URL_OF_RUN,
} from "./browser_pages.ts";

const TITLE = "BUG: kernel NULL pointer dereference, address: 0000000000000000";
const VIEWS = ["#view=results", "#view=tests", "#view=kernels", "#view=times"];

/** The line that people are led to: its text, and whether they see it without scrolling. */
async function goalOf(page: Page): Promise<{ text: string; seen: boolean }> {
  const goal = page.locator(".line.goal .text");
  await goal.waitFor();
  const seen = await goal.evaluate((line) => {
    const { top, bottom, left } = line.getBoundingClientRect();
    const on = document.elementFromPoint(left + 20, (top + bottom) / 2);
    return top >= 0 && bottom <= innerHeight && on !== null && line.contains(on);
  });
  return { text: await goal.innerText(), seen };
}

async function assertLedThere(page: Page): Promise<void> {
  const { text, seen } = await goalOf(page);
  assert.ok(text.endsWith(TITLE), text);
  assert.ok(seen, "the line is on the screen");
  assert.match(await page.locator(".cause .message").innerText(), /NULL pointer dereference/);
  assert.ok(await page.locator(".line.hit").count() > 10, "the report is marked");
  const frame = page.locator(".line.hit", { hasText: "vfs_write+0x128/0x2f0" });
  assert.equal(await frame.locator(".source").innerText(), SOURCE);
  assert.equal(await page.locator(".cause .frames .source").first().innerText(), SOURCE);
  const address = new URLSearchParams(new URL(page.url()).hash.slice(1));
  assert.equal(address.get("cell"), RED);
}

Deno.test("the mouse leads from a red square to the line of the console, and its command is copied", () =>
  opened(URL_OF_RUN, async (page) => {
    await page.locator(`tr:has(th[aria-label^="${RED}:"]) .sq.failed`).click();
    await assertLedThere(page);
    await page.getByRole("button", { name: `copy: the command that repeats ${RED}` }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `npx --yes deno task repro ${RED}`);
    await page.goBack();
    await page.getByRole("link", { name: /NULL pointer dereference/ }).click();
    await assertLedThere(page);
  }));

/** Where the focus is. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    return element.getAttribute("aria-label") ?? element.innerText;
  });

Deno.test("keys alone lead from a red cell to the line of the console, and back to the cell", () =>
  opened(URL_OF_RUN, async (page) => {
    for (let n = 0; n < 60 && !(await focused(page)).startsWith(`${RED}: failed`); n++) {
      await page.keyboard.press("Tab");
    }
    assert.match(await focused(page), new RegExp(`^${RED}: failed`), "Tab comes to the first red");
    await page.keyboard.press("ArrowDown");
    assert.match(await focused(page), /kcov-kasan: failed/);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    assert.match(await focused(page), /^crash_module: 1 failed; .* failed$/);
    await page.keyboard.press("Enter");
    await assertLedThere(page);
    assert.match(await focused(page), new RegExp(`failed\\s+${RED}$`), "the heading is read out");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.activeElement?.matches("th.cell"));
    assert.match(await focused(page), new RegExp(`^${RED}: failed`));
    await page.keyboard.press("j");
    await page.waitForFunction(() => location.hash.includes("cell="));
    await page.keyboard.press("j");
    await page.waitForFunction(() => location.hash.includes("kcov-kasan"));
    assert.match((await goalOf(page)).text, /BUG: KASAN: slab-use-after-free/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("kasan");
    await page.waitForFunction(() => document.querySelectorAll(".grid tbody tr").length === 2);
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelectorAll(".grid tbody tr").length === 11);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  }));

Deno.test("filter, verdicts and a line of a log are in the address, and come back from it", () =>
  opened(`${URL_OF_RUN}#q=kcov-cmp&only=failed`, async (page) => {
    assert.equal(await page.locator(".grid tbody tr").count(), 1);
    assert.equal(await page.getByRole("searchbox", { name: /^filter/ }).inputValue(), "kcov-cmp");
    const failed = page.getByRole("button", { name: /failed$/ });
    assert.equal(await failed.getAttribute("aria-pressed"), "true");
    await page.evaluate((cell) => location.hash = `#cell=${cell}&line=5`, RED);
    await page.locator('.line.goal[data-line="5"]').waitFor();
    await page.getByRole("searchbox", { name: /^find in/ }).fill("NULL pointer");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => !location.hash.includes("line=5"));
    assert.match((await goalOf(page)).text, /NULL pointer/);
    await page.evaluate(() => location.hash = "#cell=no/such&failure=99&view=none");
    await page.getByRole("heading", { name: "No cell no/such" }).waitFor();
  }));

Deno.test("what is different from an earlier run is shown first, by kind, and leads to the cell", () =>
  opened(URL_OF_COMPARED, async (page) => {
    const worse = page.getByRole("region", { name: /^New failures: / });
    await page.getByRole("heading", { name: /^Compared with 20260101T030405/ }).waitFor();
    for (const kind of ["Fixed", "Still failing", "Appeared", "Vanished"]) {
      await page.getByRole("region", { name: new RegExp(`^${kind}: `) }).waitFor();
    }
    const gone = page.getByRole("region", { name: /^Vanished: / });
    const goneCell = gone.getByRole("row", { name: /linux-6\.1\/kcov-gone/ });
    assert.match(await goneCell.innerText(), /cell/);
    assert.equal(await goneCell.getByRole("link").count(), 0, "this run has no such cell");
    assert.ok(await gone.getByRole("link").count() === 1, "the cell that has lost tests");
    await gone.getByText(/, and \d+ more$/).click();
    assert.ok(await gone.getByRole("row").nth(1).getByRole("listitem").count() > 20);
    const kinds = page.getByRole("group", { name: "Kinds of change" });
    await kinds.getByRole("button", { name: /New failures/ }).press("Enter");
    await page.waitForFunction(() => location.hash.includes("change=new-failure"));
    await gone.waitFor({ state: "detached" });
    await worse.getByRole("link", { name: /^crash_module/ }).first().focus();
    await page.keyboard.press("Enter");
    await assertLedThere(page);
    await page.keyboard.press("Escape");
    await worse.waitFor();
    await page.keyboard.press("Escape");
    await gone.waitFor();
    const hostile = page.getByRole("region", { name: "Compiler warnings" });
    assert.match(await hostile.innerText(), /<img src=x onerror=alert\(1\)> is set/);
    const times = page.getByRole("region", { name: /^Times: / }).getByRole("row");
    assert.match(await times.nth(1).innerText(), /boot, kernel.*× 10\.00\s+× 2\.50\s+slower/);
    await page.evaluate(() => location.hash = "#q=kcov-gone");
    await page.getByRole("region", { name: /^New failures: / }).waitFor({ state: "detached" });
    assert.ok(await gone.isVisible(), "the filter finds what this run does not have");
    await page.evaluate((cell) => location.hash = `#cell=${cell}`, RED);
    const file = await page.getByRole("link", { name: "console.log" }).last().getAttribute("href");
    assert.equal(file, `../a%20run/${RED}/console.log`);
    await page.evaluate(() => location.hash = "#view=results");
    await page.getByRole("grid").waitFor();
  }));

Deno.test("a run's own page has no view of changes, whatever its address asks for", () =>
  opened(`${URL_OF_RUN}#view=compared&change=fixed`, async (page) => {
    await page.getByRole("grid").waitFor();
    assert.equal(await page.getByRole("link", { name: "Compared" }).count(), 0);
  }));

const LOOKS: readonly BrowserContextOptions[] = [
  { colorScheme: "light" },
  { colorScheme: "dark" },
  { viewport: { width: 360, height: 740 } },
];

Deno.test("axe-core finds nothing in any view, light, dark and small", async () => {
  const cells = [RED, "linux-6.12/kcov-cmp", "linux-6.1/kcov"].map((cell) => `#cell=${cell}`);
  const pages = [[URL_OF_RUN, [...VIEWS, ...cells]], [URL_OF_COMPARED, ["#"]]] as const;
  for (
    const [look, [address, hashes]] of LOOKS.flatMap((look) =>
      pages.map((one) => [look, one] as const)
    )
  ) {
    await opened(address, async (page) => {
      // Typed as code of the page, which its policy would not let in.
      await page.evaluate(axe.source);
      for (const hash of hashes) {
        await page.evaluate((to) => location.hash = to, hash);
        await page.waitForTimeout(200);
        const found = await page.evaluate(async () => {
          const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
          return violations.map(({ id, nodes }) => [id, nodes[0]!.html, nodes[0]!.failureSummary]);
        });
        assert.deepEqual(found, [], `${hash}, ${JSON.stringify(look)}`);
      }
    }, look);
  }
});

Deno.test("a hostile console is shown as text, and nothing of it runs", async () => {
  const cell = "linux-6.1/kcov";
  const lines = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<!-- --><style>*{display:none}</style>]]>",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J\x07bell",
    "nul \0 \u2028 \u202eturned",
    `long ${"<b>".repeat(50_000)}`,
    "javascript:alert(1) {{7*7}} ${7*7}",
  ];
  const bytes = [...new TextEncoder().encode(lines.join("\r\n")), 0x0a, 0xff, 0xc3, 0x28, 0x0a];
  const hostile = { run: RUN.run, consoles: new Map([[cell, new Uint8Array(bytes)]]) };
  await opened(`${await pageOf("hostile", hostile)}#cell=${cell}&line=1`, async (page) => {
    await page.locator(".line").nth(7).waitFor();
    const shown = await page.locator(".line .text").allInnerTexts();
    assert.equal(shown[0], lines[0]);
    assert.equal(shown[1], lines[1]);
    assert.equal(shown[2], lines[2]);
    assert.equal(shown[3], "red bell");
    assert.match(shown[4]!, /^nul {2}\u2028 turned$/);
    assert.ok(shown[5]!.length < 5000 && shown[5]!.includes("characters more"));
    assert.equal(shown[6], lines[6]);
    assert.ok(shown[7]!.includes("\ufffd"));
    assert.match(await page.title(), /cells not good/);
    assert.equal(await page.locator("main img, main style, main script").count(), 0);
  });
});

Deno.test("text is no markup and no script in the page, whoever tries", () =>
  opened(URL_OF_RUN, async (page) => {
    const taken = await page.evaluate(() => {
      try {
        document.body.innerHTML = "<b>markup</b>";
        return "markup";
      } catch (error) {
        return (error as Error).name;
      }
    });
    assert.equal(taken, "TypeError");
    const title = await page.evaluate(() => {
      const script = document.createElement("script");
      script.append("document.title = 'owned'");
      document.body.append(script);
      return document.title;
    });
    assert.notEqual(title, "owned");
  }, { refusals: /Trusted|Content Security Policy/ }));

const OPEN_MS = 1000;
const FILTER_MS = 100;

/** "144 and 152 ms" */
function bestAndMiddle(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  return `${sorted[0]!.toFixed(0)} and ${sorted[Math.floor(sorted.length / 2)]!.toFixed(0)} ms`;
}

/** From what is typed to what is drawn, in ms. */
const filterMs = (page: Page, words: string) =>
  page.evaluate((value) => {
    const input = document.getElementById("filter") as HTMLInputElement;
    return new Promise<number>((resolve) => {
      const startedAt = performance.now();
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      requestAnimationFrame(() =>
        requestAnimationFrame(() => resolve(performance.now() - startedAt))
      );
    });
  }, words);

Deno.test("20 MB of consoles open in less than a second, and a filter takes less than 100 ms", async () => {
  const big = withNoise(RUN, 20e6);
  const address = await pageOf("big", big);
  const openMs: number[] = [];
  const cellMs: number[] = [];
  const filters = new Map<string, number[]>();
  const filter = async (page: Page, words: string) => {
    filters.set(words, [...filters.get(words) ?? [], await filterMs(page, words)]);
  };
  for (let n = 0; n < 5; n++) {
    await opened(address, async (page) => {
      // From navigation to behind the frame in which the grid is drawn.
      const drawn = await page.waitForFunction(() =>
        document.querySelector(".grid") && performance.getEntriesByName("drawn")[0]?.startTime
      );
      openMs.push(await drawn.jsonValue() as number);
      await page.evaluate(() => location.hash = "#view=tests");
      await page.locator(".bytest").waitFor();
      for (const words of ["k", "kcov_bounds", "no such test", "remote", ""]) {
        await filter(page, words);
      }
      await page.evaluate(() => location.hash = "#");
      await page.locator(".grid").waitFor();
      for (const words of ["kasan", "unique", " "]) await filter(page, words);
      const startedAt = performance.now();
      await page.evaluate((cell) => location.hash = `#cell=${cell}`, RED);
      await assertLedThere(page);
      cellMs.push(performance.now() - startedAt);
    });
  }
  const { size } = await Deno.stat(new URL(address));
  const bytes = [...big.consoles.values()].reduce((sum, { length }) => sum + length, 0);
  const all = [...filters.values()];
  console.log(
    `${(bytes / 1e6).toFixed(1)} MB of consoles in a page of ${(size / 1e6).toFixed(1)} MB, ` +
      `best and middle of five: opens in ${bestAndMiddle(openMs)}, shows the line of a red cell ` +
      `in ${bestAndMiddle(cellMs)}; the slowest of ${all.length} filters takes ` +
      bestAndMiddle(all.toSorted((a, b) => Math.min(...b) - Math.min(...a))[0]!),
  );
  // Other work on the machine only adds: the best of five is what the page needs.
  assert.ok(Math.min(...openMs) < OPEN_MS, `${openMs}`);
  assert.ok(Math.min(...cellMs) < OPEN_MS, `${cellMs}`);
  for (const [words, times] of filters) {
    assert.ok(Math.min(...times) < FILTER_MS, `${words}: ${times}`);
  }
});

Deno.test("without scripts the causes, the commands and all cells are there as text", () =>
  opened(URL_OF_RUN, async (page) => {
    const text = await page.locator("main").innerText();
    assert.ok(text.includes("Scripts are off here"));
    assert.ok(text.includes("NULL pointer dereference"));
    for (const cell of Object.keys(CELLS)) assert.ok(text.includes(cell), cell);
  }, { javaScriptEnabled: false }));

Deno.test("without scripts what is different from an earlier run is there as text", () =>
  opened(URL_OF_COMPARED, async (page) => {
    const text = await page.locator("main").innerText();
    assert.match(text, /Compared with 20260101T030405[^]*New failures\s+linux-6\.12/);
  }, { javaScriptEnabled: false }));

Deno.test("printed, it has what is to be read and nothing that is to be clicked", () =>
  opened(`${URL_OF_RUN}#cell=${RED}`, async (page) => {
    await goalOf(page);
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("header nav").isVisible(), false);
    assert.equal(await page.getByRole("button").count(), 0);
    assert.ok(await page.locator(".line.goal").isVisible());
    const box = page.locator(".lines");
    assert.ok(await box.evaluate((one) => one.scrollHeight <= one.clientHeight + 1), "not cut");
    const pdf = await page.pdf();
    assert.ok(pdf.length > 10_000);
    await page.evaluate(() => location.hash = "#");
    const causes = page.locator(".causes > li");
    await causes.first().waitFor();
    const seen = await causes.evaluateAll((all) =>
      all.filter((one) => one.checkVisibility()).length
    );
    assert.ok(seen > 4 && seen === await causes.count(), `${seen} causes on paper`);
    const grid = await page.locator(".grid").evaluate((one) => one.getBoundingClientRect().right);
    assert.ok(grid <= 1440, `${grid}`);
  }));

Deno.test("nothing is wider than a small screen, in any view", () =>
  opened(URL_OF_COMPARED, async (page) => {
    for (const hash of ["#", ...VIEWS, `#cell=${RED}`]) {
      await page.evaluate((to) => location.hash = to, hash);
      await page.waitForTimeout(200);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `${hash}: ${width}`);
    }
  }, { viewport: { width: 360, height: 740 } }));

Deno.test("a page that was damaged says which log cannot be shown, and shows the rest", async () => {
  const file = new URL(await pageOf("damaged", RUN));
  const html = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, html.replace(/(id="log-1">)[^<]{400}/, "$1"));
  await opened(`${file.href}#cell=${RED}`, async (page) => {
    await page.getByText(/The lines of .*console\.log in this page are damaged/).waitFor();
    assert.match(await page.locator(".cause .message").innerText(), /NULL pointer/);
  });
});
