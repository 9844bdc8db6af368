// SPDX-License-Identifier: MIT
/** Where ccache looks besides its own folder, of CCACHE_REMOTE_STORAGE and of ours (ccache(1), "Remote storage backends"). */

export interface RemoteStorage {
  /** For the environment; "" for none. */
  readonly value: string;
  /** Folders of it that ccache writes, and those that it only reads. */
  readonly writable: readonly string[];
  readonly readable: readonly string[];
  /** Kinds of storage that are left out, as they begin: "http:". Addresses may hold passwords. */
  readonly leftOut: readonly string[];
}

export const NO_REMOTE: RemoteStorage = { value: "", writable: [], readable: [], leftOut: [] };

/**
 * A folder as storage, besides others. Without it where its path has characters that are special in
 * the list of storages.
 */
export function withFolder(
  others: RemoteStorage,
  folder: string,
  access: "writable" | "read-only",
): RemoteStorage {
  if (/[\s|%*?#]/.test(folder)) return others;
  const url = `file:${folder}${access === "read-only" ? "|read-only" : ""}`;
  const kind = access === "read-only" ? "readable" : "writable";
  const value = [others.value, url].filter(Boolean).join(" ");
  return { ...others, value, [kind]: [...others[kind], folder] };
}

const kindOf = (storage: string) => /^[\w+-]*:?/.exec(storage)![0];

/** Those that are not folders, as they were given: somebody has to answer there. */
export function servers({ value }: RemoteStorage): string[] {
  return value.split(" ").filter((one) => one !== "" && !one.startsWith("file:"));
}

/** Without one of its storages, which is among those that are left out then. */
export function withoutServer(remote: RemoteStorage, server: string): RemoteStorage {
  const value = remote.value.split(" ").filter((one) => one !== server).join(" ");
  return { ...remote, value, leftOut: [...new Set([...remote.leftOut, kindOf(server)])] };
}

/** A text with addresses, fit for a log. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]*@/g, "//***@");
}

/**
 * @param value One or several URLs, each with its attributes behind bars.
 * @param confined Without a network there is only what lies in folders.
 */
export function remoteStorage(value: string, confined: boolean): RemoteStorage {
  const storages = value.split(" ").filter(Boolean).map((text) => {
    const [url = "", ...attributes] = text.split("|");
    const path = /^file:(?:\/\/(?:localhost)?)?(\/.*)$/.exec(url)?.[1];
    // With shards, their names stand where the asterisk is.
    const folder = path?.replace(/[^/]*\*.*$/, "").replace(/(?<=.)\/+$/, "");
    const readOnly = attributes.some((one) => /^read-only(=true)?$/.test(one));
    return { text, kind: kindOf(text), folder, readOnly };
  });
  const used = storages.filter(({ folder }) => !confined || folder !== undefined);
  const folders = (readOnly: boolean) =>
    used.flatMap((one) =>
      one.folder === undefined || one.readOnly !== readOnly ? [] : [one.folder]
    );
  return {
    value: used.map(({ text }) => text).join(" "),
    writable: folders(false),
    readable: folders(true),
    leftOut: [...new Set(storages.filter((one) => !used.includes(one)).map(({ kind }) => kind))],
  };
}
