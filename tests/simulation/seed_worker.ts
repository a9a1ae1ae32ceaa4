/**
 * Plays seeds in a thread of its own.
 *
 * @module
 */
import { play, type PlayOptions, playParts, type SeedJob } from "./play.ts";
import { serve } from "./threads.ts";

serve((options: PlayOptions) => {
  const parts = playParts(options);
  return async (job: SeedJob) => await play(job, await parts);
});
