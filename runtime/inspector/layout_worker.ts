/**
 * Lays out charts on a thread of its own: the Eclipse Layout Kernel takes a tenth of a second, and
 * the thread of the hub has a cluster to oversee. The package sets `onmessage`.
 *
 * @module
 */
import "elkjs/worker";
