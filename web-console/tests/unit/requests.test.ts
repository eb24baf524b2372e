import { QueryClient } from '@tanstack/vue-query'
import { afterEach, expect, it } from 'vitest'

import { choicesOf, draftOf, dropDraft, givenBy, unsent, wordsOf } from '@/components/inbox/drafts'
import { keyAction, neighbour } from '@/components/inbox/keys'
import { blocksOf, spansOf } from '@/components/inbox/markdown'
import { timelineEntries } from '@/components/run/timeline'
import { putRun } from '@/live/subscribe'
import { keys } from '@/queries/keys'
import { approvals, isOpen, someApproval } from '../fixtures/approvals'
import { flowOf, someRun, uuid } from '../fixtures/data'
import { waiting } from '../fixtures/waits'

const asked = someApproval()
afterEach(() => dropDraft(asked.id))

it('knows what each key does, and leaves to fields what they need', () => {
  expect(['j', 'J', 'о', 'k', 'л'].map((key) => keyAction(key, 'elsewhere'))).toEqual([1, 1, 1, -1, -1].map((by) => ({ does: 'move', by })))
  expect(keyAction('ArrowDown', 'list')).toEqual({ does: 'move', by: 1 })
  expect(keyAction('ArrowDown', 'elsewhere')).toBeUndefined()
  expect(keyAction('3', 'list')).toEqual({ does: 'choose', at: 2 })
  expect(['a', 'ф', 'd', 'в'].map((key) => keyAction(key, 'list'))).toEqual([0, 0, 1, 1].map((at) => ({ does: 'decide', at })))
  expect(keyAction('?', 'elsewhere')).toEqual({ does: 'help' })
  expect(['j', '1', '?', 'a', 'ArrowUp', 'Enter'].map((key) => keyAction(key, 'text'))).toEqual(Array.from({ length: 6 }))
  expect(keyAction('Escape', 'text')).toEqual({ does: 'back' })
  expect(keyAction('0', 'elsewhere')).toBeUndefined()
})

it('stays at either end of the list, and begins at its top', () => {
  const steps = [[undefined, 1], [uuid(400), 1], [uuid(400), -1], [uuid(406), 1]] as const
  const all = approvals.map((one) => ({ ...one, open: isOpen(one) }))
  expect(steps.map(([id, by]) => neighbour(all, id, by)?.id)).toEqual([uuid(400), uuid(401), uuid(400), uuid(406)])
  expect(neighbour([], undefined, 1)).toBeUndefined()
})

it('goes on to the next open request from one that was decided while one looked', () => {
  const open = [uuid(400), uuid(402)].map((id) => ({ id, open: true }))
  const decided = [uuid(401), uuid(403)].map((id) => ({ id, open: false }))
  const all = [...open, ...decided]
  expect([neighbour(all, uuid(401), 1, 1)?.id, neighbour(all, uuid(401), -1, 1)?.id]).toEqual([uuid(402), uuid(400)])
  expect(neighbour(all, uuid(401), 1, 2)?.id).toBe(uuid(402))
  expect(neighbour(all, uuid(401), 1)?.id).toBe(uuid(403))
  expect(neighbour(decided, uuid(401), 1, 0)?.id).toBe(uuid(403))
})

it('sends an option or words, and nothing before there is one', () => {
  const draft = draftOf(asked.id)
  expect(choicesOf(asked)).toBe(3)
  expect(givenBy(asked, draft)).toBeUndefined()
  draft.choice = 1
  expect(givenBy(asked, draft)).toEqual({ option: 1 })
  expect(wordsOf(asked, { option: 1 })).toBe('Once on the total, as the invoice does today')
  draft.choice = 2
  expect(givenBy(asked, draft)).toBeUndefined()
  draft.words = '  neither  '
  expect(givenBy(asked, draft)).toEqual({ text: 'neither' })
})

it('keeps what was written for a request that was settled meanwhile, and a choice only when it was sent', () => {
  const settled = someApproval({ state: 'expired' })
  const draft = draftOf(asked.id)
  draft.choice = 0
  expect(unsent(settled, draft)).toBe('')
  draft.late = true
  expect(unsent(settled, draft)).toBe('On each line, as the basket does today')
  draft.words = 'Only for new baskets.'
  expect(unsent(settled, draft)).toBe('Only for new baskets.')
  expect(unsent(asked, draft)).toBe('')
})

it('reads the Markdown of agents as blocks of text', () => {
  expect(blocksOf(asked.context ?? '').map(({ kind }) => kind)).toEqual(['paragraph', 'list', 'code', 'paragraph'])
  expect(blocksOf('# One\ntwo\nthree\n\n> four\n1. five\n2) six\n   seven').map((block) => ('items' in block ? [block.ordered, block.items.length] : block.kind)))
    .toEqual(['heading', 'paragraph', 'quote', [true, 2]])
  expect(blocksOf('```\nnever closed')).toEqual([{ kind: 'code', text: 'never closed' }])
  expect(blocksOf('')).toEqual([])
})

it('makes neither links nor HTML of what agents write', () => {
  expect(spansOf('a **b** `c` [d](https://e.example) <img src=x onerror=1>')).toEqual([
    { kind: 'text', text: 'a ' }, { kind: 'strong', text: 'b' }, { kind: 'text', text: ' ' }, { kind: 'code', text: 'c' },
    { kind: 'text', text: ' [d](https://e.example) <img src=x onerror=1>' },
  ])
})

it('asks again for requests when a run waits for an answer, or one of it is shown as open', () => {
  const cache = new QueryClient()
  const outdated = (runId: string): boolean => putRun(cache, someRun({ id: runId })).outdated
  const [asking = someRun({})] = waiting.filter(({ waits }) => waits?.for === 'answer')
  expect(putRun(cache, asking).outdated).toBe(true)
  expect(outdated(asked.run_id)).toBe(false)
  cache.setQueryData(keys.approvalList({ state: 'open' }), { pages: [{ items: approvals, open: 2 }], pageParams: [undefined] })
  expect(outdated(asked.run_id)).toBe(true)
  expect(outdated(uuid(100))).toBe(false)
  cache.setQueryData(keys.approval(uuid(400)), someApproval({ run_id: uuid(100) }))
  expect(outdated(uuid(100))).toBe(true)
})

it('tells in the timeline what was asked, as an aside, and the wait as a phase', () => {
  const [asking = someRun({})] = waiting.filter(({ waits }) => waits?.for === 'answer')
  const entries = timelineEntries(flowOf(asking), false)
  const made = entries.find(({ event }) => event.kind === 'request.made')
  expect(made?.facts).toEqual([{ name: 'question', value: asked.question }])
  expect(made?.open).toBe(false)
  expect(entries.find(({ event }) => event.kind === 'run.waits')?.open).toBe(true)
})
