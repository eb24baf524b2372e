import { QueryClient } from '@tanstack/vue-query'
import { expect, it } from 'vitest'

import type { FlowEventList, Run, WaitList } from '@/api/types'
import { addFlowEvent, putRun } from '@/live/subscribe'
import { keepNewerRuns, type RunPages } from '@/live/version'
import { keys } from '@/queries/keys'
import { flowOf, someRun, uuid } from '../fixtures/data'

const pagesOf = (...items: Run[]): RunPages => ({ pages: [{ items }], pageParams: [undefined] })
const LIST = keys.runList({})

it('never replaces a newer copy of a run by an older one', () => {
  const cache = new QueryClient()
  const shown = someRun({ version: 9, status: 'succeeded' })
  cache.setQueryData(keys.run(shown.id), shown)
  cache.setQueryData(LIST, pagesOf(shown))

  putRun(cache, someRun({ version: 8, status: 'running' }))
  expect(cache.getQueryData<Run>(keys.run(shown.id))?.status).toBe('succeeded')
  expect(cache.getQueryData<RunPages>(LIST)?.pages[0]?.items[0]?.status).toBe('succeeded')

  putRun(cache, someRun({ version: 10, status: 'failed' }))
  expect(cache.getQueryData<Run>(keys.run(shown.id))?.status).toBe('failed')
  expect(cache.getQueryData<RunPages>(LIST)?.pages[0]?.items[0]?.status).toBe('failed')
})

it('says when a list does not know a run yet', () => {
  const cache = new QueryClient()
  cache.setQueryData(LIST, pagesOf(someRun({})))
  expect(putRun(cache, someRun({ version: 99 })).outdated).toBe(false)
  expect(putRun(cache, someRun({ id: uuid(999) })).outdated).toBe(true)
})

it('says when the list of those that wait has to be read again: for who comes, goes or waits for another thing', () => {
  const cache = new QueryClient()
  const waits = { for: 'role', since: '2026-01-01T10:00:00Z', place: 2 } as const
  const shown = someRun({ version: 5, status: 'pending', waits })
  cache.setQueryData<WaitList>(keys.waits, { items: [shown], more: false })
  const outdated = (change: Partial<Run>): boolean => putRun(cache, someRun(change)).outdated

  expect(outdated({ id: uuid(7) })).toBe(false)
  expect(outdated({ id: uuid(7), waits })).toBe(true)
  expect(outdated({ version: 6, status: 'pending', waits: { ...waits, place: 1 } })).toBe(false)
  expect(outdated({ version: 7, status: 'waiting_backpressure', waits: { for: 'github', since: '2026-01-01T10:05:00Z' } })).toBe(true)
  expect(outdated({ version: 8 })).toBe(true)
  expect(outdated({ version: 6, status: 'pending', waits })).toBe(false)
  expect(cache.getQueryData<WaitList>(keys.waits)?.items[0]?.waits).toBeUndefined()
})

it('keeps what the stream brought when a slower answer arrives', () => {
  const known = pagesOf(someRun({ version: 5, status: 'failed' }), someRun({ id: uuid(7), version: 1 }))
  const late = pagesOf(someRun({ version: 4, status: 'running' }), someRun({ id: uuid(7), version: 2 }))
  const kept = keepNewerRuns(known, late).pages[0]?.items ?? []
  expect(kept.map(({ version, status }) => `${version} ${status}`)).toEqual(['5 failed', '2 running'])
})

it('adds an audit event once and in its place', () => {
  const cache = new QueryClient()
  const run = someRun({})
  const [first, second, third] = flowOf(run)
  if (first === undefined || second === undefined || third === undefined) throw new Error('the fixture has three events')
  cache.setQueryData<FlowEventList>(keys.timeline(run.id), { items: [first, third] })
  addFlowEvent(cache, run.id, second)
  addFlowEvent(cache, run.id, third)
  expect(cache.getQueryData<FlowEventList>(keys.timeline(run.id))?.items.map(({ seq }) => seq)).toEqual([1, 2, 3])
})
