/**
 * A deadlock detector that errs, and whose word comes late: it has transactions aborted that wait for
 * nobody, at any moment up to their end. That may cost time, never money.
 *
 * @module
 */
import { pick } from "./scenario.ts";
import type { Stage } from "./stage.ts";

const EVERY_MS = 60;
const SHARE = 0.3;

/** In some runs, lets the detector err until an instant. */
export function err(stage: Stage, until: number): void {
  const random = stage.random("hasty");
  const detector = stage.addresses.find((address) => address.endsWith("/detector"));
  if (detector === undefined || random() >= SHARE) return;
  const { scheduler, spawner } = stage.system;
  const next = () => {
    const at = scheduler.now() - Math.log(1 - random()) * EVERY_MS;
    if (at >= until) return;
    scheduler.at(at, () => {
      const running = [...stage.hub.running];
      const host = spawner.process(detector)?.host;
      if (host !== undefined && running.length > 0) {
        const [id, coordinator] = pick(random, running);
        host.send(coordinator, "victim", { id }, { urgent: true });
        host.wake();
      }
      next();
    });
  };
  next();
}
