import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'

import type { Approval, Run as RunRow } from '@/api/types'
import { dropDraft } from '@/components/inbox/drafts'
import Run from '@/views/Run.vue'
import { approvals, someApproval } from '../fixtures/approvals'
import { flowOf, someRun, uuid } from '../fixtures/data'
import { waiting } from '../fixtures/waits'
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

function runAsks(run: RunRow, items: Approval[]): string[] {
  const asked: string[] = []
  const of = (part: string): string => staff(`runs/${run.id}${part}`)
  server.use(
    http.get(of(''), () => HttpResponse.json(run)),
    http.get(of('/timeline'), () => HttpResponse.json({ items: flowOf(run) })),
    http.get(of('/events'), () => HttpResponse.json({ items: [], more: false })),
    http.get(of('/stream'), () => new HttpResponse(': over\n\n', { headers: { 'content-type': 'text/event-stream' } })),
    http.get(staff('approvals'), ({ request }) => {
      asked.push(new URL(request.url).search)
      return HttpResponse.json({ items, open: 1 })
    }),
  )
  return asked
}

it('has its open question answered on the page of the run, and its earlier ones below', async () => {
  const run = waiting.find(({ id }) => id === uuid(117)) ?? someRun({})
  const asked = runAsks(run, [approvals[3] ?? someApproval(), someApproval(), someApproval({ id: uuid(409), state: 'expired', question: 'Which way?' })])
  screen = await open(Run, `/runs/${run.id}`, '/runs/:id')
  const text = await screen.until((shown) => shown.includes('12.03'))
  expect(asked[0]).toBe(`?run_id=${run.id}`)
  expect(text).toContain('Waits for an answer to what the agent asked.')
  expect(screen.wrapper.findAll('form.form')).toHaveLength(1)
  expect(screen.wrapper.get('summary').text()).toBe('2 earlier requests')
  await screen.until((shown) => shown.includes('The run waits for an answer'))
})

it('keeps a request in its place when it is decided while one looks, with what was written for it', async () => {
  const run = waiting.find(({ id }) => id === uuid(117)) ?? someRun({})
  const items = [someApproval(), someApproval({ id: uuid(409), state: 'expired', question: 'Which way?' })]
  runAsks(run, items)
  server.use(http.post(staff('approvals/:id/answer'), () => {
    items[0] = someApproval({ state: 'answered', answer: { option: 0, text: 'On each line, as the basket does today' }, decided_by: 'ivan', decided_at: '2026-01-01T10:00:00Z' })
    return HttpResponse.json({ type: '', title: '', status: 409, code: 'already_decided' }, { status: 409 })
  }))
  screen = await open(Run, `/runs/${run.id}`, '/runs/:id')
  await screen.until((shown) => shown.includes('12.03'))
  await screen.wrapper.findAll('.questions input[type=radio]')[2]?.setValue()
  await screen.wrapper.get('.questions textarea').setValue('Only for new baskets.')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('What you wrote was not sent') && shown.includes('ivan answered'))
  expect(screen.wrapper.get('summary').text()).toBe('1 earlier request')
  expect(screen.wrapper.get('[role=alert]').element.closest('details')).toBeNull()
  dropDraft(uuid(400))
})

it('shows the outcome in the place of the form before the list is read again', async () => {
  const run = waiting.find(({ id }) => id === uuid(117)) ?? someRun({})
  runAsks(run, [someApproval()])
  server.use(http.post(staff('approvals/:id/answer'), () => {
    server.use(http.get(staff('approvals'), () => HttpResponse.json({ status: 503, code: 'unavailable', title: '', type: '' }, { status: 503 })))
    return HttpResponse.json(someApproval({ state: 'answered', answer: { option: 0, text: 'On each line' }, decided_by: 'olga', decided_at: '2026-01-01T10:00:00Z' }))
  }))
  screen = await open(Run, `/runs/${run.id}`, '/runs/:id')
  await screen.until((shown) => shown.includes('12.03'))
  await screen.wrapper.findAll('.questions input[type=radio]')[0]?.setValue()
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('olga answered'))
  expect(screen.wrapper.find('form.form').exists()).toBe(false)
  expect(document.activeElement?.textContent).toContain('olga answered')
})

it('says nothing of questions where none was asked', async () => {
  const run = someRun({})
  runAsks(run, [])
  screen = await open(Run, `/runs/${run.id}`, '/runs/:id')
  await screen.until((shown) => shown.includes('Job made'))
  expect(screen.wrapper.find('.questions').exists()).toBe(false)
})
