// SPDX-License-Identifier: MIT
/** Where Debian's source packages (linux-source-6.12) put their tar. */
export function debianSourceTar(name: string): string {
  return `/usr/src/${name}.tar.xz`;
}
