// How each kind of notification looks, and where it leads.
import {
  mdiAlertCircleOutline,
  mdiAlertOutline,
  mdiBird,
  mdiCheckCircleOutline,
  mdiConnection,
  mdiHammerWrench,
  mdiHelpCircleOutline,
  mdiLanConnect,
  mdiMessageTextOutline,
  mdiPlayCircleOutline,
  mdiSourcePull,
} from '@mdi/js'

import type { Notification, NotificationKind } from '@/api/types'
import type { Look } from '@/status'

/** In the order in which choices are offered. */
export const NOTIFICATION_KIND: Record<NotificationKind, Look> = {
  question: { tone: 'warning', icon: mdiHelpCircleOutline },
  action: { tone: 'warning', icon: mdiHammerWrench },
  host: { tone: 'warning', icon: mdiLanConnect },
  outside: { tone: 'warning', icon: mdiConnection },
  work_waits: { tone: 'warning', icon: mdiSourcePull },
  run_failed: { tone: 'error', icon: mdiAlertCircleOutline },
  canary: { tone: 'error', icon: mdiBird },
  warning: { tone: 'error', icon: mdiAlertOutline },
  completion: { tone: 'success', icon: mdiCheckCircleOutline },
  next_step: { tone: 'info', icon: mdiPlayCircleOutline },
  status_update: { tone: 'neutral', icon: mdiMessageTextOutline },
}

export const NOTIFICATION_KINDS: readonly NotificationKind[] = [
  'question', 'action', 'host', 'outside', 'work_waits', 'run_failed', 'canary', 'warning', 'completion', 'next_step', 'status_update',
]

export function leadsTo({ kind, request_id, run_id = '' }: Notification): string {
  if (request_id === undefined) return `/runs/${run_id}`
  return kind === 'outside' ? `/inbox/outside/${request_id}` : `/inbox/${request_id}`
}
