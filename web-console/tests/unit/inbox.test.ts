import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'

import type { Approval } from '@/api/types'
import { dropDraft } from '@/components/inbox/drafts'
import Inbox from '@/views/Inbox.vue'
import { approvalKeeper, approvals, isOpen, someApproval } from '../fixtures/approvals'
import { projects, uuid } from '../fixtures/data'
import { hostKeeper } from '../fixtures/hosts'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined
let answers: unknown[] = []

beforeAll(() => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
  Element.prototype.scrollIntoView = () => {}
})
beforeEach(() => {
  answers = []
  server.use(http.get(staff('projects'), () => HttpResponse.json({ items: projects })))
})
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  for (const { id } of approvals) dropDraft(id)
  document.body.replaceChildren()
})

function keep(): ReturnType<typeof approvalKeeper> {
  const keeper = approvalKeeper()
  server.use(
    http.get(staff('approvals'), ({ request }) => HttpResponse.json(keeper.page(new URL(request.url).searchParams))),
    http.get(staff('approvals/:id'), ({ params }) => HttpResponse.json(keeper.one(String(params['id'])))),
    http.post<{ id: string }, { option?: number; text?: string }>(staff('approvals/:id/answer'), async ({ params, request }) => {
      const given = await request.json()
      answers.push(given)
      const answered = keeper.take(params.id, given)
      return answered === undefined
        ? HttpResponse.json({ type: '', title: '', status: 409, code: 'already_decided', detail: 'ivan answered' }, { status: 409 })
        : HttpResponse.json(answered)
    }),
  )
  return keeper
}

/** Only this request, as it stands. */
function theOnly(approval: Approval): void {
  server.use(
    http.get(staff('approvals'), ({ request }) => {
      const state = new URL(request.url).searchParams.get('state')
      return HttpResponse.json({ items: (state === 'open') === isOpen(approval) ? [approval] : [], open: 1 })
    }),
    http.get(staff('approvals/:id'), () => HttpResponse.json(approval)),
  )
}

/** Hosts that agents were refused. */
function hosts(): void {
  server.use(http.get(staff('egress-requests'), () => HttpResponse.json(hostKeeper().page(new URLSearchParams({ state: 'open' })))))
}

const inbox = (path = '/inbox', locale: 'en' | 'ru' = 'en'): Promise<Screen> => open(Inbox, path, '/inbox/:id?', locale)

function press(key: string): void {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
}

const button = (words: string): HTMLButtonElement => {
  const found = [...document.querySelectorAll('button')].find(({ textContent }) => textContent?.trim() === words)
  if (found === undefined) throw new Error(`no button says ${words}`)
  return found
}

it('shows open requests before decided ones, the first of them beside the list', async () => {
  keep()
  screen = await inbox()
  await screen.until((shown) => shown.includes('12.03'))
  expect(screen.router.currentRoute.value.path).toBe(`/inbox/${uuid(400)}`)
  const rows = screen.wrapper.findAll('[data-request]').map((row) => row.attributes('data-request'))
  expect(rows).toEqual(approvals.map(({ id }) => id))
  const text = document.body.textContent
  expect(text).toContain('In my own words')
  expect(text).toContain('the run goes on in its session')
  expect(text).toMatch(/If nobody answers by .*\d\d:\d\d.* \(in 23 hours\), the agent is told so/)
  expect(screen.wrapper.get(`a[href="/runs/${uuid(117)}"]`).text()).toBe('Open the run')
})

it('asks with the filters of the address', async () => {
  const queries: string[] = []
  server.use(http.get(staff('approvals'), ({ request }) => {
    queries.push(new URL(request.url).search)
    return HttpResponse.json({ items: [], open: 0 })
  }))
  screen = await inbox(`/inbox?state=decided&project=${uuid(10)}`)
  await screen.until((shown) => shown.includes('No request matches these filters'))
  expect(queries).toEqual([`?state=decided&project_id=${uuid(10)}`])
})

it('answers by keyboard alone, after asking once more', async () => {
  keep()
  screen = await inbox()
  await screen.until((shown) => shown.includes('12.03'))
  press('j')
  await screen.until((shown) => shown.includes('Only for new suppliers') && shown.includes('Switch it off a week later'))
  expect(document.activeElement?.getAttribute('data-request')).toBe(uuid(401))
  press('3')
  await screen.until(() => document.activeElement instanceof HTMLInputElement && document.activeElement.checked)
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?') && shown.includes('Option 3'))
  expect(answers).toEqual([])
  press('Escape')
  await screen.until((shown) => !shown.includes('Send this answer?'))
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  button('Send the answer').click()
  const text = await screen.until((shown) => shown.includes('olga answered'))
  expect(answers).toEqual([{ option: 2 }])
  expect(text).toContain('Switch it off a week later')
  expect(screen.router.currentRoute.value.path).toBe(`/inbox/${uuid(401)}`)
  expect(document.activeElement?.textContent).toContain('olga answered')
})

it('sends words of one\'s own, and keeps no draft of them', async () => {
  keep()
  screen = await inbox(`/inbox/${uuid(400)}`)
  await screen.until((shown) => shown.includes('12.03'))
  press('3')
  await screen.until(() => document.activeElement instanceof HTMLTextAreaElement)
  await screen.wrapper.get('textarea').setValue('Only for new baskets.')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  button('Send the answer').click()
  const text = await screen.until((shown) => shown.includes('olga answered'))
  expect(answers).toEqual([{ text: 'Only for new baskets.' }])
  expect(text).not.toContain('What you wrote was not sent')
})

it('says what is missing before it asks', async () => {
  keep()
  screen = await inbox(`/inbox/${uuid(400)}`)
  await screen.until((shown) => shown.includes('12.03'))
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Choose an answer.'))
  press('3')
  await screen.until(() => document.activeElement instanceof HTMLTextAreaElement)
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Write your answer.'))
})

it('shows who was quicker and with what, and keeps what was written', async () => {
  const keeper = keep()
  screen = await inbox(`/inbox/${uuid(400)}`)
  await screen.until((shown) => shown.includes('12.03'))
  press('3')
  await screen.until(() => document.activeElement instanceof HTMLTextAreaElement)
  await screen.wrapper.get('textarea').setValue('Only for new baskets.')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  keeper.take(uuid(400), { option: 0 })
  button('Send the answer').click()
  const text = await screen.until((shown) => shown.includes('What you wrote was not sent'))
  expect(text).toContain('olga answered')
  expect(text).toContain('Only for new baskets.')
  button('Discard it').click()
  await screen.until((shown) => !shown.includes('Only for new baskets.'))
})

it('names the field that the platform does not take', async () => {
  keep()
  server.use(http.post(staff('approvals/:id/answer'), () =>
    HttpResponse.json({ type: '', title: '', status: 422, code: 'invalid_request', fields: [{ field: '/text', message: 'is too long' }] }, { status: 422 })))
  screen = await inbox(`/inbox/${uuid(400)}`)
  await screen.until((shown) => shown.includes('12.03'))
  press('1')
  await nextTick()
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  button('Send the answer').click()
  const text = await screen.until((shown) => shown.includes('is too long'))
  expect(text).toContain('Some fields are not right')
})

it('says who may answer to whoever may not', async () => {
  keep()
  screen = await inbox(`/inbox/${uuid(402)}`)
  const text = await screen.until((shown) => shown.includes('may answer.'))
  expect(text).toContain('An admin of the platform, an admin of Billing and invoices, or ivan, who started the run, may answer.')
  expect(screen.wrapper.find('form.form').exists()).toBe(false)
})

it.each([
  [someApproval({ state: 'answered', answer: { text: 'Neither.' }, decided_by: 'ivan', decided_at: '2026-01-01T10:00:00Z' }), ['ivan answered', 'In words of their own', 'Neither.']],
  [someApproval({ state: 'expired' }), ['Nobody decided in time', 'The agent was told']],
  [someApproval({ state: 'withdrawn' }), ['The run ended before anybody decided']],
])('tells what became of a settled request', async (approval, sentences) => {
  theOnly(approval)
  screen = await inbox(`/inbox/${approval.id}`)
  await screen.until((shown) => sentences.every((sentence) => shown.includes(sentence)))
  expect(screen.wrapper.find('form.form').exists()).toBe(false)
})

it('says the same in Russian', async () => {
  keep()
  screen = await inbox(`/inbox/${uuid(400)}`, 'ru')
  const text = await screen.until((shown) => shown.includes('12.03'))
  expect(text).toContain('Своими словами')
  expect(text).toContain('запуск продолжится в той же сессии')
  expect(text).not.toMatch(/inbox\.\w+/)
})

it('says that nothing is open only where nothing of any kind is', async () => {
  hosts()
  server.use(http.get(staff('approvals'), () => HttpResponse.json({ items: [], open: 0 })))
  screen = await inbox()
  await screen.until((shown) => shown.includes('refused 3 hosts'))
  await vi.waitUntil(() => !document.body.textContent?.includes('Nothing needs you'), { timeout: 4000 })
  expect(screen.wrapper.find('.panes').exists()).toBe(false)
  screen.wrapper.unmount()

  theOnly(someApproval({ id: uuid(405), state: 'expired' }))
  hosts()
  screen = await inbox()
  const text = await screen.until((shown) => shown.includes('refused 3 hosts') && shown.includes('Nobody decided in time') && !shown.includes('Nothing is open'))
  expect(text).toContain('Decided')
})

it('goes on with the next open request after a decision', async () => {
  keep()
  screen = await inbox(`/inbox/${uuid(400)}`)
  await screen.until((shown) => shown.includes('12.03'))
  press('1')
  await screen.until(() => document.activeElement instanceof HTMLInputElement && document.activeElement.checked)
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Send this answer?'))
  button('Send the answer').click()
  await screen.until((shown) => shown.includes('olga answered'))
  await vi.waitUntil(() => screen?.wrapper.findAll('[data-request]')[0]?.attributes('data-request') === uuid(401), { timeout: 4000 })
  press('j')
  await vi.waitUntil(() => screen?.router.currentRoute.value.path === `/inbox/${uuid(401)}`, { timeout: 4000 })
})

it('teaches what will come while nothing is there', async () => {
  server.use(http.get(staff('approvals'), () => HttpResponse.json({ items: [], open: 0 })))
  screen = await inbox()
  await screen.until((shown) => shown.includes('Nothing needs you') && shown.includes('its run waits'))
})

it('says what failed, and reads again when asked to', async () => {
  server.use(http.get(staff('approvals'), () => HttpResponse.json({ type: '', title: '', status: 503, code: 'unavailable' }, { status: 503 })))
  screen = await inbox()
  await screen.until((shown) => shown.includes('The platform could not answer'))
  keep()
  await screen.wrapper.get('[role=alert] button').trigger('click')
  await screen.until((shown) => shown.includes('12.03'))
})
