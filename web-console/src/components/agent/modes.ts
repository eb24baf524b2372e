// Who is asked for a tool, as policies may say it.
import type { ApprovalMode, Tool } from '@/api/types'

/** From the mildest to the strictest, as the platform orders them. */
export const MODES: readonly ApprovalMode[] = ['none', 'delegated', 'owner']

/** What counts where no policy says anything. A tool whose policies can only ask for more decides call by call. */
export function usualOf({ usual, floor }: NonNullable<Tool['leave']>): ApprovalMode | 'byCall' {
  return MODES.indexOf(usual) < MODES.indexOf(floor) ? 'byCall' : usual
}
