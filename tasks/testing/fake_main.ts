// SPDX-License-Identifier: MIT
/** kmatrix on a project in another folder: `fake_main.ts <root> <command line…>`. */
import { main } from "../main.ts";

const [root, ...args] = Deno.args;
Deno.exit(await main(args, root!));
