/**
 * One remote call as an XState v5 machine that only names its effects: numbered attempts, each for
 * another target if the host likes, under one deadline.
 *
 * @example A call that is answered
 * ```ts
 * import { createActor } from "xstate";
 * import { call } from "@trunkline/trunkline/protocols/rpc";
 *
 * const done: string[] = [];
 * const actor = createActor(
 *   call.provide({
 *     actions: {
 *       send: ({ self }, { attempt }) => {
 *         done.push(`attempt ${attempt}`);
 *         self.send({ type: "answer" });
 *       },
 *       resolve: () => done.push("resolved"),
 *     },
 *   }),
 *   { input: { attemptMs: 100, deadlineMs: 1000, attempts: 3 } },
 * );
 * actor.start();
 * actor.send({ type: "request" });
 * console.assert(done.join() === "attempt 0,resolved");
 * ```
 *
 * @module
 */
export * from "./call.ts";
export type * from "./messages.ts";
export type * from "../machine_types.ts";
