// SPDX-License-Identifier: MIT
/** `deno task explain`: what a word of a report means, and what to do. */
import { KmatrixError } from "../core/model/errors.ts";
import { explain as textOf, explainAll, EXPLAINED } from "../core/report/explain.ts";
import { nearest } from "../core/text/nearest.ts";
import { defineCommand } from "./command.ts";

export const explain = defineCommand({
  name: "explain",
  group: "Reports",
  help: "say what the id of a failure or an exit code means and what to do; without one, list all",
  example: "deno task explain option-dropped",
  arguments: "[id]",
  options: {},
  writes: () => "nothing",
  perform([word], _options, { terminal }) {
    const text = word === undefined ? explainAll() : textOf(word);
    if (text === null) {
      const close = nearest(word!, EXPLAINED);
      throw new KmatrixError("no-match", "no-such-id", `no failure has the id "${word}"${close}`);
    }
    terminal.print(text);
    return Promise.resolve([]);
  },
});
