import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'

import Run from '@/views/Run.vue'
import { conversationOf, flowOf, runs, uuid } from '../fixtures/data'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeAll(() => {
  // Parts of a browser that the test's document lacks.
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

it('shows a turn of a discussion among the others, with what it answers', async () => {
  const run = runs.find(({ id }) => id === uuid(108))
  if (run === undefined) throw new Error('the fixtures hold no discussion')
  const of = (part: string): string => staff(`runs/${run.id}${part}`)
  server.use(
    http.get(of(''), () => HttpResponse.json(run)),
    http.get(of('/conversation'), () => HttpResponse.json(conversationOf(run))),
    http.get(of('/timeline'), () => HttpResponse.json({ items: flowOf(run) })),
    http.get(staff('approvals'), () => HttpResponse.json({ items: [], open: 0 })),
    http.get(of('/events'), () => HttpResponse.json({ items: [], more: false })),
    http.get(of('/stream'), () => new HttpResponse(': over\n\n', { headers: { 'content-type': 'text/event-stream' } })),
  )
  screen = await open(Run, `/runs/${run.id}`, '/runs/:id')
  const text = await screen.until((shown) => shown.includes('Which query is the slow one?'))
  expect(text).toContain('without an index')
  expect(text).toContain('Waits for the next answer')
  expect(text).toContain('The answer is a comment on the issue.')
  expect(text).not.toContain('intake')
})
