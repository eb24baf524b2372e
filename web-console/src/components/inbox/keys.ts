// What a key does in the inbox. Letters work on the Russian layout too, where they stand under other signs.
export type KeyAction = { does: 'move'; by: 1 | -1 } | { does: 'choose'; at: number } | { does: 'decide'; at: number } | { does: 'back' } | { does: 'help' }

/** Where the focus is: keys that a field or a group of choices needs for itself are left to it. */
export type Place = 'text' | 'list' | 'elsewhere'

const MOVES: Readonly<Record<string, 1 | -1>> = { j: 1, о: 1, k: -1, л: -1 }
const ARROWS: Readonly<Record<string, 1 | -1>> = { ArrowDown: 1, ArrowUp: -1 }
/** Approve and deny, in the order in which the form offers them. */
const DECISIONS: Readonly<Record<string, number>> = { a: 0, ф: 0, d: 1, в: 1 }
const DIGIT = /^[1-9]$/

export function keyAction(key: string, place: Place): KeyAction | undefined {
  if (key === 'Escape') return { does: 'back' }
  if (place === 'text') return undefined
  if (key === '?') return { does: 'help' }
  if (DIGIT.test(key)) return { does: 'choose', at: Number(key) - 1 }
  const decision = DECISIONS[key.toLowerCase()]
  if (decision !== undefined) return { does: 'decide', at: decision }
  const by = MOVES[key.toLowerCase()] ?? (place === 'list' ? ARROWS[key] : undefined)
  return by === undefined ? undefined : { does: 'move', by }
}

/**
 * What stands `by` places further; at either end one stays. From what was decided while one looked, one goes on among what
 * is still open, from the place where it `stood`.
 */
export function neighbour<T extends { id: string; open: boolean }>(all: readonly T[], id: string | undefined, by: 1 | -1, stood?: number): T | undefined {
  const at = all.findIndex((one) => one.id === id)
  const open = all.filter((one) => one.open)
  if (stood !== undefined && all[at]?.open === false && open.length > 0) return open[Math.min(Math.max(by === 1 ? stood : stood - 1, 0), open.length - 1)]
  if (at < 0) return all[0]
  return all[Math.min(Math.max(at + by, 0), all.length - 1)]
}
