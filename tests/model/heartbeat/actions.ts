/**
 * What may happen to a node and its monitor, by number and in words.
 *
 * @module
 */
import type { Lives } from "../../../runtime/checker/lives.ts";
import type { Move } from "../../../runtime/checker/model.ts";

/** Kinds of actions; an argument is added to the last ones. */
export const Act = {
  TICK: 0,
  BOOT: 1,
  START: 2,
  CRASH: 3,
  STOP: 4,
  PROBED: 5,
  HEARD: 16,
  DUE: 64,
  EMITTER_DUE: 1024,
} as const;

/** An action in words; `lives` are the monitor's. */
export function tell(lives: Lives, action: number): Move {
  const own = (name: string, type: string, text: string) => {
    return { from: name, to: name, type, text: `${name}: ${text}` };
  };
  if (action >= Act.EMITTER_DUE) return own("emitter", "interval", "it is time to beat");
  if (action >= Act.DUE) {
    const timer = lives.eventOf(action - Act.DUE).type.split(".")[2]!;
    return own("monitor", timer, `its timer ${timer} fires`);
  }
  if (action >= Act.HEARD) {
    const text = `a heartbeat of incarnation ${action - Act.HEARD} arrives`;
    return { from: "emitter", to: "monitor", type: "heartbeat", text };
  }
  switch (action) {
    case Act.BOOT:
      return own("emitter", "$start", "the node boots");
    case Act.START:
      return own("emitter", "start", "starts to beat");
    case Act.CRASH:
      return own("emitter", "$crash", "the node dies");
    case Act.STOP:
      return own("emitter", "stop", "the node stops");
    case Act.PROBED:
      return { from: "monitor", to: "emitter", type: "probe", text: "a probe arrives" };
  }
  return own("monitor", "tick", "time goes on");
}
