// Runs that wait, by who or what holds them up.
import { mdiAccountEyeOutline, mdiGauge, mdiHumanQueue, mdiRestart } from '@mdi/js'

import type { Run, Waits } from '@/api/types'
import { WAIT_GROUP, type WaitGroup } from '@/status'

export const GROUPS: Record<WaitGroup, { icon: string; last: 'pull' | 'until' | 'place' }> = {
  people: { icon: mdiAccountEyeOutline, last: 'pull' },
  limits: { icon: mdiGauge, last: 'until' },
  places: { icon: mdiHumanQueue, last: 'place' },
  retry: { icon: mdiRestart, last: 'until' },
}

export type WaitingRun = Run & { waits: Waits }

export interface WaitingGroup {
  name: WaitGroup
  runs: WaitingRun[]
  /** Keys of the sentences that say who can help; nobody helps with every limit alike. */
  helps: string[]
}

function isWaiting(run: Run): run is WaitingRun {
  return run.waits !== undefined
}

function helpOf({ waits }: WaitingRun): string {
  const group = WAIT_GROUP[waits.for]
  return group === 'limits' || waits.for === 'answer' ? waits.for : group
}

/** The groups that have runs. A run that has just gone on waits for nothing and is in none. */
export function waitingGroups(runs: readonly Run[]): WaitingGroup[] {
  const waiting = runs.filter(isWaiting)
  return [...new Set(Object.values(WAIT_GROUP))]
    .map((name) => ({ name, runs: waiting.filter(({ waits }) => WAIT_GROUP[waits.for] === name) }))
    .filter((group) => group.runs.length > 0)
    .map((group) => ({ ...group, helps: [...new Set(group.runs.map(helpOf))] }))
}
