/**
 * The inspector: every live machine of a process in a page, offline. {@link InspectorServer} serves
 * it for the hub of a system; `/ws` speaks the Stately inspection protocol.
 *
 * @example Inspect your own roles
 * ```ts ignore
 * import { WorkerSystem } from "@trunkline/trunkline";
 * import { InspectorServer } from "@trunkline/trunkline/inspector";
 *
 * await using system = WorkerSystem.create({ nodes: ["here"] });
 * await using inspector = new InspectorServer(system.inspection, { port: 0 });
 * console.log(inspector.url);
 * ```
 *
 * @module
 */
export * from "./chart.ts";
export * from "./chart_mermaid.ts";
export * from "./chart_svg.ts";
export * from "./layout.ts";
export * from "./server.ts";
