// SPDX-License-Identifier: MIT
/** The tables of TCP sockets in /proc/net (Documentation/networking/proc_net_tcp.rst). */

/** 127.0.0.1 and "any", in the byte order of the tables: of IPv4, and of IPv6 for both. */
const LOCAL = [
  "0100007F",
  "00000000",
  "0000000000000000FFFF00000100007F",
  "00000000000000000000000000000000",
];
/** TCP_LISTEN of include/net/tcp_states.h. */
const LISTENING = "0A";

/** Whether a socket listens where 127.0.0.1 at this port is. @param table tcp or tcp6, whole. */
export function listensAt(port: number, table: string): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return state === LISTENING && LOCAL.some((address) => local === `${address}:${hex}`);
  });
}
