// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { listensAt } from "./listening_ports.ts";

const TCP =
  `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:04D2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0500A8C0:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 0100007F:1F92 0100007F:04D2 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
`;
const TCP6 = `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:00D3 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:00D4 00000000000000000000000000000000:0000 0A 00000000:00000000
`;

Deno.test("listensAt() takes what would be in the way at 127.0.0.1, and nothing else", () => {
  const ports = (table: string, all: readonly number[]) =>
    all.filter((port) => listensAt(port, table));
  // 8081 is another address, 8082 a connection.
  assert.deepEqual(ports(TCP, [1234, 1235, 8080, 8081, 8082]), [1234, 8080]);
  // ::1 alone leaves 127.0.0.1 free.
  assert.deepEqual(ports(TCP6, [211, 212]), [211]);
  assert.deepEqual(ports("", [1234]), []);
});
