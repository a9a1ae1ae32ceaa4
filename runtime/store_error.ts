/**
 * The error all stores throw.
 *
 * @module
 */

/** The store cannot be opened or written, or no longer belongs to this role. */
export class StoreError extends Error {
  /** Always `StoreError`. */
  override readonly name = "StoreError";
}
