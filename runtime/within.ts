/**
 * Waits for what may never come.
 *
 * @module
 */

/** Resolves when some work is done, or after `ms` in any case. @throws what the work throws by then */
export async function within(work: Promise<unknown>, ms: number): Promise<void> {
  const patience = Promise.withResolvers<void>();
  const timer = setTimeout(patience.resolve, ms);
  try {
    await Promise.race([work, patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}
