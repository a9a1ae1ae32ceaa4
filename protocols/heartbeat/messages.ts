/**
 * The messages of the heartbeat failure detector.
 *
 * | message     | from    | to      |
 * | ----------- | ------- | ------- |
 * | `heartbeat` | emitter | monitor |
 * | `probe`     | monitor | emitter |
 *
 * @module
 */

/** "I am alive": the sender's incarnation (it rises with each restart) and a number within it. */
export type Heartbeat = {
  readonly type: "heartbeat";
  readonly node: string;
  readonly incarnation: number;
  readonly sequence: number;
};

/** "I have not heard you": a suspect answers with a heartbeat at once. */
export type Probe = { readonly type: "probe"; readonly node: string };

/** Every message of the protocol. */
export type HeartbeatMessage = Heartbeat | Probe;
