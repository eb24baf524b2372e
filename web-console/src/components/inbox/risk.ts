// How much is lost when what an agent asks leave for goes wrong.
import { mdiAlertOctagonOutline, mdiAlertOutline, mdiShieldCheckOutline } from '@mdi/js'

import type { ActionAsked } from '@/api/types'
import type { Look } from '@/status'

export const RISK: Record<ActionAsked['risk'], Look> = {
  low: { tone: 'neutral', icon: mdiShieldCheckOutline },
  medium: { tone: 'warning', icon: mdiAlertOutline },
  high: { tone: 'error', icon: mdiAlertOctagonOutline },
}

/** The key of its words. What goes wrong with a secret is not what goes wrong with a label. */
export function riskWord({ does, risk }: ActionAsked): string {
  return does === 'secret' ? `inbox.secret.risk.${risk}` : `inbox.risk.${risk}`
}
