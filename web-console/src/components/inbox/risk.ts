// How much is lost when what an agent asks leave for goes wrong.
import { mdiAlertOctagonOutline, mdiAlertOutline, mdiShieldCheckOutline } from '@mdi/js'

import type { ActionAsked } from '@/api/types'
import type { Look } from '@/status'

export const RISK: Record<ActionAsked['risk'], Look> = {
  low: { tone: 'neutral', icon: mdiShieldCheckOutline },
  medium: { tone: 'warning', icon: mdiAlertOutline },
  high: { tone: 'error', icon: mdiAlertOctagonOutline },
}

/** Where the words for its risk stand: what goes wrong with a secret is not what goes wrong with a label. */
const WORDS: Record<ActionAsked['does'], string> = { labels: 'inbox.risk', object: 'inbox.risk', secret: 'inbox.secret.risk', database: 'inbox.database.risk' }

/** The key of its words. */
export function riskWord({ does, risk }: ActionAsked): string {
  return `${WORDS[does]}.${risk}`
}
