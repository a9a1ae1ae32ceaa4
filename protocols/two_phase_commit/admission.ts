/**
 * Which transactions a coordinator takes when it has nearly as many as it may have.
 *
 * @module
 */

/** Classes of work, by what an operator would give up last: sessions, payments, provisioning. */
export const HIGHEST_PRIORITY = 2;

/** The share of the limit that each class leaves free for those above it. */
const RESERVED_SHARE = 0.05;

/**
 * Whether a newcomer is admitted: trunk reservation (Weber 1964), as telephone exchanges do it. Each
 * class stops a share of the limit before the class above it does, so that what matters more is still
 * taken when what matters less is turned away. What has begun is never displaced.
 *
 * @param facts `open`: transactions under way; `limit`: the most there may be; `priority`: 0 for the
 * lowest class to {@link HIGHEST_PRIORITY}, undefined for work that nobody has classed, which is
 * taken up to the limit
 */
export function admits(
  facts: {
    readonly open: number;
    readonly limit: number;
    readonly priority: number | undefined;
  },
): boolean {
  const { open, limit, priority = HIGHEST_PRIORITY } = facts;
  const above = HIGHEST_PRIORITY - Math.min(priority, HIGHEST_PRIORITY);
  return open < limit - above * Math.floor(limit * RESERVED_SHARE);
}
