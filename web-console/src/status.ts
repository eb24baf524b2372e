// How every state looks: one colour tone and one icon a state; the word is in the locale files under the given key.
// The records are exhaustive over the contract's enums, so a new state does not compile until it has a look.
import {
  mdiAlertCircleOutline,
  mdiAlertOutline,
  mdiArchiveOutline,
  mdiCancel,
  mdiCheckCircleOutline,
  mdiCircleOffOutline,
  mdiClockOutline,
  mdiHelpCircleOutline,
  mdiLanDisconnect,
  mdiLightningBoltOutline,
  mdiPauseCircleOutline,
  mdiPencilOutline,
  mdiPlayCircleOutline,
  mdiProgressClock,
  mdiSourcePull,
  mdiTimerAlertOutline,
} from '@mdi/js'

import type { ApprovalState, Check, Decision, Repository, RunStatus, TemplateState, Waits } from '@/api/types'

export type Tone = 'success' | 'error' | 'warning' | 'info' | 'neutral'

export interface Look {
  tone: Tone
  icon: string
  /** Turns slowly: something is going on right now. */
  busy?: boolean
}

export const RUN_STATUS: Record<RunStatus, Look & { over: boolean }> = {
  pending: { tone: 'neutral', icon: mdiClockOutline, over: false },
  running: { tone: 'info', icon: mdiPlayCircleOutline, busy: true, over: false },
  waiting_mcp: { tone: 'warning', icon: mdiPauseCircleOutline, over: false },
  waiting_owner_review: { tone: 'warning', icon: mdiSourcePull, over: false },
  waiting_backpressure: { tone: 'warning', icon: mdiProgressClock, over: false },
  succeeded: { tone: 'success', icon: mdiCheckCircleOutline, over: true },
  failed: { tone: 'error', icon: mdiAlertCircleOutline, over: true },
  timed_out: { tone: 'error', icon: mdiTimerAlertOutline, over: true },
  cancelled: { tone: 'neutral', icon: mdiCancel, over: true },
}

export const DECISION: Record<Decision, Look> = {
  accepted: { tone: 'success', icon: mdiPlayCircleOutline },
  effected: { tone: 'info', icon: mdiLightningBoltOutline },
  ignored: { tone: 'neutral', icon: mdiCircleOffOutline },
}

export const CHECK_STATE: Record<Check['state'], Look> = {
  ok: { tone: 'success', icon: mdiCheckCircleOutline },
  failed: { tone: 'error', icon: mdiAlertCircleOutline },
  warning: { tone: 'warning', icon: mdiAlertOutline },
  unchecked: { tone: 'neutral', icon: mdiHelpCircleOutline },
}

export const REPOSITORY_STATE: Record<Repository['state'], Look> = {
  connected: { tone: 'success', icon: mdiCheckCircleOutline },
  broken: { tone: 'error', icon: mdiAlertCircleOutline },
  disconnected: { tone: 'neutral', icon: mdiLanDisconnect },
}

export const TEMPLATE_STATE: Record<TemplateState, Look> = {
  draft: { tone: 'warning', icon: mdiPencilOutline },
  active: { tone: 'success', icon: mdiCheckCircleOutline },
  archived: { tone: 'neutral', icon: mdiArchiveOutline },
}

export const APPROVAL_STATE: Record<ApprovalState, Look> = {
  requested: { tone: 'warning', icon: mdiHelpCircleOutline },
  answered: { tone: 'success', icon: mdiCheckCircleOutline },
  approved: { tone: 'info', icon: mdiProgressClock, busy: true },
  applying: { tone: 'info', icon: mdiProgressClock, busy: true },
  applied: { tone: 'success', icon: mdiCheckCircleOutline },
  failed: { tone: 'error', icon: mdiAlertCircleOutline },
  unknown: { tone: 'error', icon: mdiHelpCircleOutline },
  denied: { tone: 'neutral', icon: mdiCancel },
  stale: { tone: 'neutral', icon: mdiCircleOffOutline },
  expired: { tone: 'error', icon: mdiTimerAlertOutline },
  withdrawn: { tone: 'neutral', icon: mdiCircleOffOutline },
}

/** Who or what holds a run up. */
export type WaitGroup = 'people' | 'limits' | 'places' | 'retry'

/** Those come first about which people can do something. */
export const WAIT_GROUP: Record<Waits['for'], WaitGroup> = {
  answer: 'people',
  owner: 'people',
  github: 'limits',
  model: 'limits',
  role: 'places',
  project: 'places',
  platform: 'places',
  worker: 'places',
  retry: 'retry',
}

/** In the order in which filters offer them. */
export const RUN_STATUSES: readonly RunStatus[] = [
  'pending',
  'running',
  'waiting_mcp',
  'waiting_owner_review',
  'waiting_backpressure',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
]

export const DECISIONS: readonly Decision[] = ['accepted', 'effected', 'ignored']
