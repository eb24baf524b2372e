import { expect, it } from 'vitest'

import { timelineEntries } from '@/components/run/timeline'
import { flowOf, runs, someRun } from '../fixtures/data'

it('gives each phase its end, and folds what repeats', () => {
  const entries = timelineEntries(flowOf(someRun({})), false)
  const [refused] = entries.filter(({ event }) => event.kind === 'egress.refused')
  expect(refused?.times).toBe(2)
  expect(refused?.until).toBeUndefined()
  const started = entries.find(({ event }) => event.kind === 'agent.started')
  expect(started?.open).toBe(true)
  const claimed = entries.find(({ event }) => event.kind === 'run.claimed')
  const ready = entries.find(({ event }) => event.kind === 'namespace.ready')
  expect(claimed?.until).toBe(ready?.event.at)
})

it('leaves nothing open when the run is over', () => {
  for (const run of runs.filter(({ finished_at }) => finished_at !== undefined)) {
    expect(timelineEntries(flowOf(run), true).some(({ open }) => open)).toBe(false)
  }
})
