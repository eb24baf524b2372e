import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'

import Run from '@/views/Run.vue'
import { flowOf, runs } from '../fixtures/data'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeAll(() => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

it('says that a decoy ended the run, where it turned up, and that a retry begins anew', async () => {
  const run = runs.find(({ reason }) => reason === 'canary')
  if (run === undefined) throw new Error('the fixtures hold no such run')
  const of = (part: string): string => staff(`runs/${run.id}${part}`)
  const retry = { step: 'retry', does: 'retry', place: 'issue', number: 37, adds: ['run:dev'], removes: [], labels: [] }
  server.use(
    http.get(of(''), () => HttpResponse.json(run)),
    http.get(of('/timeline'), () => HttpResponse.json({ items: flowOf(run) })),
    http.get(of('/events'), () => HttpResponse.json({ items: [], more: false })),
    http.get(of('/stream'), () => new HttpResponse(': over\n\n', { headers: { 'content-type': 'text/event-stream' } })),
    http.get(of('/next-steps'), () => HttpResponse.json({ items: [retry], may_start: true })),
    http.get(staff('approvals'), () => HttpResponse.json({ items: [], open: 0 })),
  )
  screen = await open(Run, `/runs/${run.id}`, '/runs/:id')
  const text = await screen.until((shown) => shown.includes('The decoy credential turned up') && shown.includes('Try again in'))
  expect(text).toContain('Nothing real was lost')
  expect(text).toContain('a model call')
  expect(text).toContain('aws_secret_access_key = [decoy]')
  expect(text).toContain('Try again in a new session')
  expect(text).not.toContain('same session')
})
