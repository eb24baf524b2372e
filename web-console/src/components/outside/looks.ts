// How requests of outside systems look. Exhaustive over the contract's states.
import { mdiAlertCircleOutline, mdiCancel, mdiCheckCircleOutline, mdiHelpCircleOutline, mdiProgressClock, mdiTimerAlertOutline } from '@mdi/js'

import type { OutsideState, OutsideTold } from '@/api/types'
import type { Look } from '@/status'

export const OUTSIDE_STATE: Record<OutsideState, Look> = {
  requested: { tone: 'warning', icon: mdiHelpCircleOutline },
  approved: { tone: 'success', icon: mdiCheckCircleOutline },
  denied: { tone: 'neutral', icon: mdiCancel },
  answered: { tone: 'success', icon: mdiCheckCircleOutline },
  expired: { tone: 'error', icon: mdiTimerAlertOutline },
}

export const TOLD_STATE: Record<OutsideTold['state'], Look> = {
  queued: { tone: 'info', icon: mdiProgressClock, busy: true },
  told: { tone: 'success', icon: mdiCheckCircleOutline },
  unclear: { tone: 'warning', icon: mdiHelpCircleOutline },
  failed: { tone: 'error', icon: mdiAlertCircleOutline },
}

/** An address that a browser may be sent to; anything else stays text. */
export function isWeb(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url)
}
