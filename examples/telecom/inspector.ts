/**
 * The inspector of a cluster, if one was asked for.
 *
 * @module
 */
import type { InspectionHub } from "../../runtime/inspection/hub.ts";
import { isLoopback } from "../../runtime/loopback.ts";
import type { InspectorServer } from "../../runtime/inspector/server.ts";
import type { ClusterOptions } from "./cluster_options.ts";
import { CommandError, reasonOf } from "./command_error.ts";

/**
 * Serves it. Its page and the layout of charts are loaded only then.
 *
 * @throws {CommandError} if it cannot be served there
 */
export async function inspectorOf(
  { inspect }: Pick<ClusterOptions, "inspect">,
  hub: InspectionHub,
): Promise<InspectorServer | undefined> {
  if (inspect === undefined) return undefined;
  const { hostname, port } = inspect;
  const token = isLoopback(hostname) ? {} : { token: crypto.randomUUID() };
  const { InspectorServer } = await import("../../runtime/inspector/server.ts");
  try {
    return new InspectorServer(hub, { hostname, port, ...token });
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse ? "the port is in use" : reasonOf(error);
    throw new CommandError(`Cannot serve the inspector on ${hostname}:${port}: ${why}`);
  }
}
