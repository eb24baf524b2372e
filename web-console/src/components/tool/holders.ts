// Which runs have a tool, in as few words as are true: what every tool has is not worth a line.
import type { Tool, ToolHolders } from '@/api/types'

/** All that any tool is held by; what equals it limits nothing. */
export function everybody(tools: readonly Tool[]): ToolHolders {
  const all = tools.map(({ held_by }) => held_by)
  return {
    kinds: [...new Set(all.flatMap(({ kinds }) => kinds))],
    stages: [...new Set(all.flatMap(({ stages }) => stages))],
    roles: [...new Set(all.flatMap(({ roles }) => roles))],
    modes: [...new Set(all.flatMap(({ modes }) => modes))],
  }
}

export interface Limit {
  what: keyof ToolHolders
  held: readonly string[]
}

/** Where a tool is held by fewer than others. Nothing, when every run has it. */
export function limitsOf(held: ToolHolders, all: ToolHolders): Limit[] {
  const names = ['kinds', 'modes', 'roles', 'stages'] as const
  return names.filter((what) => held[what].length < all[what].length).map((what) => ({ what, held: held[what] }))
}
