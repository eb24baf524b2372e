// How much is lost when what an agent asks leave for goes wrong.
import { mdiAlertOctagonOutline, mdiAlertOutline, mdiShieldCheckOutline } from '@mdi/js'

import type { ActionAsked } from '@/api/types'
import type { Look } from '@/status'

export const RISK: Record<ActionAsked['risk'], Look> = {
  low: { tone: 'neutral', icon: mdiShieldCheckOutline },
  medium: { tone: 'warning', icon: mdiAlertOutline },
  high: { tone: 'error', icon: mdiAlertOctagonOutline },
}
