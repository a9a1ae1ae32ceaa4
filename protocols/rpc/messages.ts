/**
 * The messages of a remote call.
 *
 * | message    | from   | to     |
 * | ---------- | ------ | ------ |
 * | `request`  | caller | callee |
 * | `answer`   | callee | caller |
 *
 * Every attempt of a call carries the same `call` id, which makes it an idempotency key: a callee
 * that has answered it answers the same again.
 *
 * @module
 */

/** Asks for `body`; `attempt` counts from 0, `deadlineMs` is what was left when it was sent. */
export type Request = {
  readonly type: "request";
  readonly call: string;
  readonly attempt: number;
  readonly deadlineMs: number;
  readonly body: unknown;
};

/** The answer to any attempt of `call`. */
export type Answer = {
  readonly type: "answer";
  readonly call: string;
  readonly body: unknown;
};

/** Every message of the protocol. */
export type RpcMessage = Request | Answer;
