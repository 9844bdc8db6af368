// SPDX-License-Identifier: MIT
/**
 * What children find in their environment. kbuild, Kconfig, git, ccache, compilers and shells read
 * hundreds of variables; one that reaches them unseen changes a kernel under a build key that says
 * nothing of it. So nothing is passed on but what stands in this table, and each entry says why.
 */

/** Who gets a variable of the caller. */
export type Recipient =
  /** make, on its command line; a part of the build key. */
  | "make"
  /** Every command; a part of the build key. */
  | "all, in the key"
  /** Every command; decides nothing about a result. */
  | "all"
  /** Commands that reach other machines: apt-get, curl, git fetch, b4. */
  | "downloads";

export interface PassedVariable {
  readonly names: readonly string[];
  readonly to: Recipient;
  readonly why: string;
}

/** docs/matrix.md shows this table, and a test holds the two together. */
export const PASSED_VARIABLES: readonly PassedVariable[] = [
  {
    names: ["KCFLAGS", "KCPPFLAGS", "KAFLAGS"],
    to: "make",
    why: "further flags of compiler, preprocessor and assembler (kbuild.rst)",
  },
  { names: ["W", "V"], to: "make", why: "warnings and words of kbuild" },
  {
    names: ["LD_LIBRARY_PATH"],
    to: "all, in the key",
    why: "libraries of a compiler outside of the system's folders",
  },
  {
    names: ["PATH"],
    to: "all",
    why: "where programs are; compiler and linker are in the key by their content",
  },
  { names: ["HOME"], to: "all", why: "an empty folder in the sandbox" },
  { names: ["TMPDIR"], to: "all", why: "files that go with the command; not in the sandbox" },
  {
    names: [
      ...["CCACHE_CONFIGPATH", "CCACHE_MAXFILES", "CCACHE_MAXSIZE", "CCACHE_NAMESPACE"],
      ...["CCACHE_READONLY", "CCACHE_READONLY_DIRECT", "CCACHE_RECACHE", "CCACHE_RESHARE"],
      ...["CCACHE_COMPRESS", "CCACHE_COMPRESSLEVEL", "CCACHE_UMASK", "CCACHE_FILECLONE"],
      ...["CCACHE_DEBUG", "CCACHE_DEBUGDIR", "CCACHE_LOGFILE", "CCACHE_STATS", "CCACHE_NOSTATS"],
    ],
    to: "all",
    why: "where and how ccache keeps objects, and what it notes; not what it takes for equal",
  },
  {
    names: [
      ...["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"],
      ...["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"],
      ...["SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "REQUESTS_CA_BUNDLE"],
      ...["GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND"],
      ...["GIT_TERMINAL_PROMPT", "SSH_AUTH_SOCK", "APT_CONFIG", "XDG_CONFIG_HOME"],
    ],
    to: "downloads",
    why: "the way to other machines, and who vouches for them",
  },
];

/** What the tool itself reads, beside what it passes on: docs/matrix.md, held to this by a test. */
export const READ_VARIABLES: readonly Omit<PassedVariable, "to">[] = [
  { names: ["LLVM", "CC"], why: "replace the default toolchain for this run" },
  { names: ["O", "KMATRIX_CACHE"], why: "move `.cache/`" },
  {
    names: ["XDG_CACHE_HOME", "XDG_STATE_HOME", "HOME"],
    why: "cache and runs outside of the project: [install.md](install.md#where-things-lie)",
  },
  {
    names: ["INIT_CWD"],
    why: "where `deno task` was called; relative paths start there",
  },
  { names: ["ARCH"], why: "must name an architecture that kmatrix builds for" },
  {
    names: [
      ...["CCACHE_DIR", "CCACHE_DISABLE", "CCACHE_REMOTE_STORAGE"],
      "CCACHE_SECONDARY_STORAGE",
    ],
    why: "where ccache keeps objects, if at all",
  },
  { names: ["NO_COLOR"], why: "no colours" },
  { names: ["TERM"], why: "`dumb`, or none: plain lines in place of a live screen" },
  {
    names: ["GITHUB_ACTIONS", "GITHUB_WORKSPACE", "GITHUB_EVENT_PATH", "GITLAB_CI"],
    why: "what CI services are told of a run: [ci.md](ci.md#what-a-job-shows)",
  },
  {
    names: ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"],
    why: "files of GitHub's that a run adds to",
  },
  { names: ["SHELL"], why: "`install` says what zsh needs besides" },
];

/** Set by the tool for itself. */
export const OWN_VARIABLES: readonly string[] = ["KMATRIX_LAUNCHER", "KMATRIX_CHILD"];

/** One language of messages and one order of sorting, in every program and script of a tree. */
const FIXED: Readonly<Record<string, string>> = { LC_ALL: "C" };

/** What a command gets of the caller's environment beyond what every command gets. */
export type Reach = "downloads" | "whole";

function namesFor(recipients: readonly Recipient[]): string[] {
  return PASSED_VARIABLES.filter(({ to }) => recipients.includes(to)).flatMap(({ names }) => names);
}

type Lookup = (name: string) => string | undefined;

/** Those with a value: for kbuild and all the others, an empty variable is as good as none. */
function pick(names: readonly string[], lookUp: Lookup): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = lookUp(name);
    return value ? [[name, value]] : [];
  }));
}

/** The caller's variables that make gets on its command line. */
export function makeVariables(lookUp: Lookup): Record<string, string> {
  return pick(namesFor(["make"]), lookUp);
}

/** The caller's variables that decide about a build without standing on make's command line. */
export function keyedVariables(lookUp: Lookup): Record<string, string> {
  return pick(namesFor(["all, in the key"]), lookUp);
}

/** What of the caller's environment decides about a cell's result (docs/matrix.md). */
export function decidingVariables(lookUp: Lookup): Record<string, string> {
  const { V: _verbosity, ...make } = makeVariables(lookUp);
  return { ...pick(["LLVM", "CC"], lookUp), ...make, ...keyedVariables(lookUp) };
}

/**
 * The whole environment of a command that is not confined.
 * @param caller This process's own.
 * @param own What this tool adds for the command; "" leaves one out.
 */
export function childEnvironment(
  caller: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
  reach: Reach | null,
): Record<string, string> {
  const all: readonly Recipient[] = ["all, in the key", "all"];
  const names = namesFor(reach === "downloads" ? [...all, "downloads"] : all);
  const passed = reach === "whole" ? caller : { ...pick(names, (name) => caller[name]), ...FIXED };
  return Object.fromEntries(
    Object.entries({ ...passed, ...own }).filter(([, value]) => value !== ""),
  );
}

/**
 * What decides about kernels elsewhere and is left out here; people who set it want to know. Not
 * what a make that has started this tool leaves behind (MAKEFLAGS, MAKELEVEL).
 */
const LEFT_OUT =
  /^(KBUILD_\w+|KCONFIG_\w+|(HOST|USER)(CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS|LDLIBS)|KRUSTFLAGS|RUSTFLAGS_\w+|([AC]FLAGS|LDFLAGS)_(KERNEL|MODULE|vmlinux)|LLVM_IAS|CROSS_COMPILE|LOCALVERSION|SRCARCH|CPATH|C_INCLUDE_PATH|COMPILER_PATH|CCC_OVERRIDE_OPTIONS|CCACHE_(COMPILER|PREFIX|SLOPPINESS|EXTRAFILES|IGNOREHEADERS|IGNOREOPTIONS))$/;

/** Names of the caller's variables that a build by hand would go by, and builds here do not; sorted. */
export function leftOut(caller: Readonly<Record<string, string>>): string[] {
  return Object.keys(caller).filter((name) => LEFT_OUT.test(name) && caller[name] !== "").sort();
}
