/** The system the benches run on: workers on nodes that are all linked, without delay. */
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { WorkerSystem, type WorkerSystemOptions } from "../../runtime/worker/system.ts";

/** Makes a system in which every node reaches every other at once. What goes wrong is shown. */
export function mesh(
  nodes: readonly string[],
  log: NonNullable<WorkerSystemOptions["log"]> = (address, kind, text) => {
    if (kind !== "info" && kind !== "success") console.error(`${address}: ${text}`);
  },
): WorkerSystem {
  const links = nodes.flatMap((from) =>
    nodes.filter((to) => to !== from).map((to) => ({ from, to, ...LOCAL_LINK }))
  );
  return WorkerSystem.create({ nodes, links, log });
}

/** A new folder below the working directory: on the disk that the stores would be on. */
export async function scratch(): Promise<{ readonly path: string } & AsyncDisposable> {
  const parent = ".data";
  await Deno.mkdir(parent, { recursive: true });
  const path = await Deno.makeTempDir({ dir: parent, prefix: "bench-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
