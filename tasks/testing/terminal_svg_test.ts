// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { XMLValidator } from "fast-xml-parser";
import { ROOT } from "./document_files.ts";
import {
  type CastEvent,
  castText,
  PACE,
  paced,
  parseCast,
  svgPathOf,
  terminalSvg,
} from "./terminal_svg.ts";
import { withTempDir } from "./temp_dir.ts";

const SIZE = { columns: 20, rows: 4 };
const out = (ms: number, text: string): CastEvent => ({ ms, kind: "o", text });
const key = (ms: number, text: string): CastEvent => ({ ms, kind: "i", text });

/** What the last frame of a picture says, row by row, and the looks of its texts. */
async function lastFrame(...texts: readonly string[]) {
  const events = texts.map((text, index) => out(1000 * index, text));
  const svg = await terminalSvg({ ...SIZE, events });
  assert.equal(XMLValidator.validate(svg), true, svg);
  const rows = new Map(
    [...svg.matchAll(/<g id="(r\d+)">(.*)<\/g>/g)].map(([, id, row]) => [`#${id}`, row!]),
  );
  const frame = svg.match(/^<g transform=.*$/gm)!.at(-1)!;
  const shown = [...frame.matchAll(/<use href="(#r\d+)" y="([\d.]+)"/g)]
    .map(([, id, y]) => ({ row: Math.floor(Number(y) / 18), text: rows.get(id!)! }));
  return {
    frames: svg.match(/^<g transform=/gm)!.length,
    rows: shown.map(({ row, text }) =>
      `${row} ${[...text.matchAll(/>([^<]+)</g)].map(([, one]) => one).join("|")}`
    ),
    looks: shown.flatMap(({ text }) => [...text.matchAll(/class="([^"]*)"/g)]).map(([, one]) =>
      one
    ),
    widths: shown.flatMap(({ text }) => [...text.matchAll(/textLength="([^"]*)"/g)])
      .map(([, one]) => Math.round(Number(one) / 8.4)),
  };
}

Deno.test("a picture shows what a terminal shows, of all that programs write", async () => {
  const cases:
    readonly (readonly [name: string, texts: readonly string[], rows: readonly string[]])[] = [
      ["letters of markup", ["<b> & 'x' \"y\""], ["0 &lt;b&gt; &amp; &#39;x&#39; &quot;y&quot;"]],
      ["a line that is written over", ["12 %\r100 %", "\r\x1b[2Kdone"], ["0 done"]],
      ["a frame that is drawn again", ["a\r\nb\r\n", "\x1b[2A\x1b[JA\r\nB"], ["0 A", "1 B"]],
      ["more lines than the screen has", ["1\r\n2\r\n3\r\n4\r\n5"], ["0 2", "1 3", "2 4", "3 5"]],
      ["a line that is too long", ["abcdefghijklmnopqrstuvwxyz"], [
        "0 abcdefghijklmnopqrst",
        "1 uvwxyz",
      ]],
      ["tabs and blanks", ["a\tb  c "], ["0 a       b  c"]],
      ["wide letters, marks over letters", ["漢字 e\u0301"], ["0 漢字 e\u0301"]],
      ["a title, a link", ["\x1b]0;t\x07\x1b]8;;https://e.org\x07l\x1b]8;;\x07"], ["0 l"]],
      ["synchronized output", ["\x1b[?2026hx\x1b[?2026l"], ["0 x"]],
      ["another screen, and back", ["a", "\x1b[?1049hfull", "\x1b[?1049l"], ["0 a"]],
      ["a cleared screen", ["a\r\nb", "\x1b[2J\x1b[Hc"], ["0 c"]],
      ["a mark of a prompt", ["\x1b]133;A\x07$ "], ["0 $"]],
      ["letters that XML forbids", ["a\x00\x01\x0bb"], ["0 a|b"]],
    ];
  for (const [name, texts, rows] of cases) {
    const found = (await lastFrame(...texts)).rows;
    // Where a vertical tab leads is the emulator's own affair.
    if (name === "letters that XML forbids") {
      assert.equal(found.join("").replace(/\d| /g, ""), "ab");
    } else assert.deepEqual(found, rows, name);
  }
});

Deno.test("a picture has colours, bold and faint text, and letters on a grid", async () => {
  const { looks } = await lastFrame("\x1b[31ma\x1b[39m \x1b[1;92mb\x1b[0m \x1b[2mc\x1b[22m d");
  assert.deepEqual(looks, ["c1", "c10 b", "d"]);
  assert.deepEqual((await lastFrame("\x1b[38;5;208ma\x1b[38;2;1;2;3mb")).looks, ["c0"]);
  assert.deepEqual((await lastFrame("  漢字 ab")).widths, [7]);
});

Deno.test("a frame that changes nothing is none", async () => {
  assert.equal((await lastFrame("a", "\x1b[0m", "\ra", "b")).frames, 2);
});

Deno.test("paced() keeps the time of typing, and plays a long command fast", () => {
  const events = [
    ...[out(0, "$ "), key(100, "l"), out(101, "l"), key(200, "\r"), out(210, "a")],
    ...[out(200 + 10 * PACE.commandMs, "$ "), key(300 + 10 * PACE.commandMs, "x")],
    ...[key(350 + 10 * PACE.commandMs, "\r"), out(400 + 10 * PACE.commandMs, "y")],
  ];
  const played = paced(events, PACE);
  assert.deepEqual(played.map(({ text }) => text), events.map(({ text }) => text));
  const times = played.map(({ ms }) => Math.round(ms));
  const rest = 200 + PACE.commandMs;
  assert.deepEqual(times, [
    ...[0, 100, 101, 200, 201, rest],
    ...[rest + PACE.restMs, rest + PACE.restMs + 50, rest + PACE.restMs + 100],
  ]);
});

Deno.test("an asciicast is read as it was written, and nothing else is taken for one", () => {
  const cast = {
    ...SIZE,
    events: [out(0, "\x1b[1m\r\n"), key(1500, "é\r"), out(1500.4, "\ud83d")],
  };
  const text = castText(cast);
  assert.equal(JSON.parse(text.split("\n")[0]!).version, 2);
  assert.deepEqual(parseCast(text), {
    ...cast,
    events: cast.events.map((one) => ({ ...one, ms: Math.round(one.ms) })),
  });
  // Marks and new sizes of the terminal, which other programs write.
  const more = parseCast(`${text}[2,"m","here"]\n[2,"r","80x24"]\n`);
  assert.equal(more.events.length, cast.events.length);
  for (
    const other of [
      "",
      "{}",
      '{"version":1,"stdout":[]}',
      '{"version":3,"width":80,"height":24}',
      "GIF89a",
    ]
  ) {
    assert.throws(() => parseCast(other), other);
  }
  assert.equal(svgPathOf("docs/images/a.cast"), "docs/images/a.svg");
  assert.equal(svgPathOf("docs/images/a.svg"), null);
  assert.equal(svgPathOf("docs/images/.cast"), null);
});

Deno.test("pictures of docs/images are those of their recordings", async () => {
  const folder = `${ROOT}docs/images`;
  const names = readdirSync(folder).filter((one) => one.endsWith(".cast"));
  assert.ok(names.length > 0);
  for (const name of names) {
    const svg = await terminalSvg(parseCast(await Deno.readTextFile(`${folder}/${name}`)));
    const kept = await Deno.readTextFile(svgPathOf(`${folder}/${name}`)!);
    assert.ok(kept === svg, `\`deno task record docs/images/${name}\` writes another picture`);
    // By a page that shows it as an image, it may do nothing of this.
    assert.doesNotMatch(svg, /<script|\son\w+=|(?:href|src)="(?!#)|url\(|@import|<foreignObject/i);
  }
});

Deno.test("deno task record types into a shell, and keeps what comes of it", async () => {
  await withTempDir(async (dir) => {
    const file = `${dir}/x.cast`;
    const args = ["run", "--allow-all", "--no-check", `${ROOT}tasks/programs/record.ts`];
    const words = ["--columns", "40", "--rows", "5", "--cwd", dir, file];
    const command = "printf 'ende\\n' | tr e E; pwd";
    const { code } = await new Deno.Command(Deno.execPath(), { args: [...args, ...words, command] })
      .output();
    assert.equal(code, 0);
    const { columns, rows, events } = parseCast(await Deno.readTextFile(file));
    assert.deepEqual([columns, rows], [40, 5]);
    const typed = events.filter(({ kind }) => kind === "i").map(({ text }) => text).join("");
    assert.equal(typed, `${command}\r`);
    const shown = events.filter(({ kind }) => kind === "o").map(({ text }) => text).join("");
    assert.ok(shown.startsWith("\x1b]133;A\x07$ "), shown);
    assert.ok(shown.includes(`\r\nEndE\r\n${dir}\r\n`), shown);
    const svg = await Deno.readTextFile(`${dir}/x.svg`);
    assert.match(svg, /aria-label="A recorded terminal: printf &#39;ende\\n&#39; \| tr e E; pwd"/);
    assert.match(svg, />EndE</);
  });
});
