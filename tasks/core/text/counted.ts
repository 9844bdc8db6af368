// SPDX-License-Identifier: MIT
/** For people: `1 patch`, `2 patches`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
