/** Whether all bits that are needed are there. */
export function hasBits(there: number, needed: number): boolean {
  return (there & needed) === needed;
}
