// Whether people are asked before a tool has its effect.
import { mdiAccountQuestionOutline, mdiCheck, mdiShieldKeyOutline } from '@mdi/js'

import type { Tool } from '@/api/types'
import type { Look } from '@/status'

export const ASKS: Record<Tool['asks'], Look> = {
  nobody: { tone: 'neutral', icon: mdiCheck },
  sometimes: { tone: 'warning', icon: mdiShieldKeyOutline },
  always: { tone: 'info', icon: mdiAccountQuestionOutline },
}

/** In the order of the contract. */
export const CATEGORIES: readonly Tool['category'][] = ['run', 'github', 'environment', 'project', 'people']
