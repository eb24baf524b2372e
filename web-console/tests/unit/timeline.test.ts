import { expect, it } from 'vitest'

import { plainDetail } from '@/components/run/detail'
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

it('says in the timeline only what the page does not say elsewhere, and colours the end by its outcome', () => {
  for (const run of runs.filter(({ status }) => status === 'failed')) {
    const entries = timelineEntries(flowOf(run), true)
    expect(entries.flatMap(({ facts }) => facts.map(({ name }) => name))).not.toContain('namespace')
    expect(entries.find(({ event }) => event.kind === 'run.finished')?.look.tone).toBe('error')
  }
})

it('reads the message out of an error in JSON, and leaves words alone', () => {
  expect(plainDetail('{"error":{"message":"no such model"},"status":400}')).toBe('no such model')
  expect(plainDetail('{"title":"Not found"}')).toBe('Not found')
  expect(plainDetail('exit code 1')).toBe('exit code 1')
  expect(plainDetail('[1]')).toBe('[1]')
})
