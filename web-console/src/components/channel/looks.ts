// How a request in a channel looks, and what came back of a test. Exhaustive over the contract's states.
import { mdiAlertCircleOutline, mdiCancel, mdiCheckCircleOutline, mdiClockOutline, mdiProgressClock, mdiTimerAlertOutline } from '@mdi/js'

import type { ChannelAskState, TrialVerdict } from '@/api/types'
import type { Look } from '@/status'

export const ASK_STATE: Record<ChannelAskState, Look> = {
  queued: { tone: 'neutral', icon: mdiClockOutline },
  asked: { tone: 'info', icon: mdiProgressClock },
  answered: { tone: 'success', icon: mdiCheckCircleOutline },
  expired: { tone: 'warning', icon: mdiTimerAlertOutline },
  failed: { tone: 'error', icon: mdiAlertCircleOutline },
  withdrawn: { tone: 'neutral', icon: mdiCancel },
}

/** Whatever somebody says there, the channel works. */
export const TRIAL_VERDICT: Record<TrialVerdict, Look> = {
  approved: ASK_STATE.answered,
  denied: ASK_STATE.answered,
  chosen: ASK_STATE.answered,
  written: ASK_STATE.answered,
}
