// SPDX-License-Identifier: MIT
/**
 * Debian's Slurm on this machine, for tests: two nodes by two slurmd on ports of their own, slurmctld
 * and munged, in a folder of its own and without anything of the system's. Its processes are told by
 * SLURM_CONF in their environment; jobs inherit it, so that nothing of them is left either.
 */
import { until } from "./broken_worlds.ts";

const PACKAGES = ["slurm-wlm", "munge"];
/** In /usr/sbin, which is not on everybody's PATH. */
const DAEMONS = ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd"];

/** What a node has, for Slurm; the machine itself is not asked. */
export interface NodeSize {
  readonly cpus: number;
  readonly memoryMiB: number;
}

/** Ends what belongs to a cluster, and its folder, once the process that has started it is gone. */
const UNDERTAKER = `while kill -0 "$1" 2> /dev/null; do sleep 1; done
for process in /proc/[0-9]*; do
  [ "$process" = "/proc/$$" ] && continue
  if grep -qsF "SLURM_CONF=$2/" "$process/environ"; then kill -KILL "\${process#/proc/}"; fi
done
rm -rf "$2"
`;

type Daemon = "munged" | "slurmctld" | "node1" | "node2";

export class SlurmCluster {
  readonly dir: string;
  readonly #ports: readonly number[];
  readonly #children = new Map<Daemon, Deno.ChildProcess>();
  readonly #undertaker: Deno.ChildProcess;

  private constructor(dir: string, ports: readonly number[]) {
    this.dir = dir;
    this.#ports = ports;
    // A test that is broken off runs no code of its own any more.
    this.#undertaker = new Deno.Command("setsid", {
      args: ["sh", "-c", UNDERTAKER, "sh", `${Deno.pid}`, dir],
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    this.#undertaker.unref();
  }

  /** Starts it in a new folder and waits until both nodes are idle. Installs what is missing. */
  static async start(size: NodeSize = { cpus: 4, memoryMiB: 8000 }): Promise<SlurmCluster> {
    await install();
    const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-slurm-" }));
    // munged refuses a folder in which others cannot reach its socket.
    await Deno.chmod(dir, 0o755);
    const cluster = new SlurmCluster(dir, freePorts(3));
    try {
      await cluster.#fill(size);
      cluster.#spawn("munged");
      await until("munged listens", 10_000, () => exists(`${dir}/munge.socket`));
      for (const one of ["slurmctld", "node1", "node2"] as const) cluster.#spawn(one);
      await cluster.untilUp();
    } catch (error) {
      const log = await cluster.log("slurmctld");
      await cluster.stop();
      throw new Error(`no cluster: ${(error as Error).message}\n${log}`);
    }
    return cluster;
  }

  /** Waits until both nodes answer. */
  async untilUp(): Promise<void> {
    await until("both nodes are up", 60_000, async () => {
      const { out } = await this.run("sinfo", "--noheader", "--Node", "--format=%N %T");
      // Each of two partitions lists both.
      return out.split("\n").filter((line) => / (idle|mixed|allocated)$/.test(line)).length === 4;
    });
  }

  /** Of whoever uses it. */
  get env(): Record<string, string> {
    return { SLURM_CONF: `${this.dir}/slurm.conf` };
  }

  /** One of Slurm's commands. */
  async run(program: string, ...args: string[]): Promise<{ code: number; out: string }> {
    const command = new Deno.Command(program, { args, env: this.env, stderr: "piped" });
    const { code, stdout, stderr } = await command.output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout).trim() + text.decode(stderr).trim() };
  }

  /** Jobs that are not over, a line each. */
  async queue(): Promise<string[]> {
    const { out } = await this.run("squeue", "--noheader", "--array", "--format=%F_%K %T %N %r");
    return out.split("\n").filter(Boolean);
  }

  /** Sends a daemon a signal; after SIGKILL or SIGTERM it is waited for. */
  async signal(daemon: Daemon, signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT") {
    const child = this.#children.get(daemon)!;
    child.kill(signal);
    if (signal !== "SIGKILL" && signal !== "SIGTERM") return;
    await child.status;
    this.#children.delete(daemon);
  }

  /** Starts those daemons again that were ended, and waits until both nodes answer. */
  async mend(): Promise<void> {
    for (const daemon of ["slurmctld", "node1", "node2"] as const) {
      if (!this.#children.has(daemon)) this.#spawn(daemon);
    }
    await this.untilUp();
  }

  /** The last lines of a daemon's log. */
  async log(daemon: Daemon): Promise<string> {
    const text = await Deno.readTextFile(`${this.dir}/${daemon}.log`).catch(() => "");
    return text.split("\n").slice(-20).join("\n");
  }

  /** Ids of processes that belong to it: daemons, and what jobs have started. */
  async processes(): Promise<number[]> {
    const found: number[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
      const environment = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
      if (environment.includes(`SLURM_CONF=${this.dir}/`)) found.push(Number(name));
    }
    return found;
  }

  /** Ends everything, jobs first, and removes the folder. */
  async stop(): Promise<void> {
    for (const daemon of ["node1", "node2", "slurmctld", "munged"] as const) {
      if (this.#children.has(daemon)) await this.signal(daemon, "SIGKILL");
    }
    for (let round = 0; round < 20; round++) {
      const ids = await this.processes();
      if (ids.length === 0) break;
      for (const id of ids) {
        try {
          Deno.kill(id, "SIGKILL");
        } catch {
          // Gone in the meantime.
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.#undertaker.ref();
    this.#undertaker.kill("SIGKILL");
    await this.#undertaker.status;
    await Deno.remove(this.dir, { recursive: true });
  }

  #spawn(daemon: Daemon): void {
    const own = (name: string) => `${this.dir}/${name}`;
    const words: Readonly<Record<Daemon, readonly string[]>> = {
      munged: [
        ...["/usr/sbin/munged", "--foreground", `--socket=${own("munge.socket")}`],
        ...[`--key-file=${own("munge.key")}`, `--log-file=${own("munged.log")}`],
        ...[`--pid-file=${own("munged.pid")}`, `--seed-file=${own("munged.seed")}`],
      ],
      slurmctld: ["/usr/sbin/slurmctld", "-D"],
      node1: ["/usr/sbin/slurmd", "-D", "-N", "node1"],
      node2: ["/usr/sbin/slurmd", "-D", "-N", "node2"],
    };
    const [program, ...args] = words[daemon];
    const options = { args, env: this.env, stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#children.set(daemon, new Deno.Command(program!, options).spawn());
  }

  async #fill({ cpus, memoryMiB }: NodeSize): Promise<void> {
    const user = await said("id", "-un");
    const host = Deno.hostname();
    const [controller, ...nodes] = this.#ports;
    const node = (number: number) =>
      `NodeName=node${number} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${nodes[number - 1]} ` +
      `CPUs=${cpus} RealMemory=${memoryMiB}`;
    const lines = [
      "ClusterName=kmatrix",
      `SlurmctldHost=${host}(127.0.0.1)`,
      `SlurmctldPort=${controller}`,
      ...[`SlurmUser=${user}`, `SlurmdUser=${user}`],
      ...["AuthType=auth/munge", `AuthInfo=socket=${this.dir}/munge.socket`],
      ...["ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "MpiDefault=none"],
      ...["SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU_Memory"],
      `StateSaveLocation=${this.dir}/state`,
      `SlurmdSpoolDir=${this.dir}/spool-%n`,
      ...[`SlurmctldPidFile=${this.dir}/slurmctld.pid`, `SlurmdPidFile=${this.dir}/%n.pid`],
      ...[`SlurmctldLogFile=${this.dir}/slurmctld.log`, `SlurmdLogFile=${this.dir}/%n.log`],
      // Two nodes of four cores on a machine that may have two.
      "SlurmdParameters=config_overrides",
      // What takes minutes in a cluster takes seconds here.
      ...["ReturnToService=2", "SlurmdTimeout=10", "KillWait=10"],
      ...["PreemptType=preempt/partition_prio", "PreemptMode=REQUEUE"],
      ...[node(1), node(2)],
      "PartitionName=normal Nodes=node[1-2] Default=YES PriorityTier=1",
      "PartitionName=urgent Nodes=node[1-2] PriorityTier=10 PreemptMode=OFF",
      "",
    ];
    await Deno.writeTextFile(`${this.dir}/slurm.conf`, lines.join("\n"));
    const key = crypto.getRandomValues(new Uint8Array(128));
    await Deno.writeFile(`${this.dir}/munge.key`, key, { mode: 0o600 });
    for (const name of ["state", "spool-node1", "spool-node2"]) {
      await Deno.mkdir(`${this.dir}/${name}`);
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

async function said(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** Free a moment ago; nobody else asks for them in the meantime. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

async function install(): Promise<void> {
  const missing = await Promise.all(DAEMONS.map(async (path) => !(await exists(path))));
  if (!missing.includes(true)) return;
  const sudo = Deno.uid() === 0 ? [] : ["sudo", "-n"];
  for (
    const words of [
      ["apt-get", "update"],
      ["apt-get", "install", "-y", "--no-install-recommends", ...PACKAGES],
    ]
  ) {
    const [program, ...args] = [...sudo, ...words];
    const { success } = await new Deno.Command(program!, { args, stdout: "null" }).output();
    if (!success) throw new Error(`no Slurm, and this failed: ${words.join(" ")}`);
  }
}
