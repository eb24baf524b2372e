import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { h, ref } from 'vue'

import HostQuestion from '@/components/egress/HostQuestion.vue'
import HostQuestions from '@/components/egress/HostQuestions.vue'
import GrantList from '@/components/project/GrantList.vue'
import type { HostFilters } from '@/queries/keys'
import { grants, uuid } from '../fixtures/data'
import { hostKeeper } from '../fixtures/hosts'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeEach(() => {
  vi.stubGlobal('visualViewport', new EventTarget())
})

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

async function shown(filters: HostFilters = {}): Promise<{ screen: Screen; sent: unknown[]; hosts: ReturnType<typeof hostKeeper> }> {
  const hosts = hostKeeper()
  const sent: unknown[] = []
  server.use(
    http.get(staff('egress-requests'), ({ request }) => HttpResponse.json(hosts.page(new URL(request.url).searchParams))),
    http.post(staff('egress-requests/:id/decision'), async ({ request, params }) => {
      const body: unknown = await request.json()
      sent.push(body)
      const decided = hosts.decide(String(params['id']), 'role')
      return decided === undefined ? HttpResponse.json({ title: 'late', status: 409, code: 'already_decided', type: 'about:blank' }, { status: 409 }) : HttpResponse.json(decided)
    }),
  )
  screen = await open({ render: () => h(HostQuestions, { filters }) }, '/', '/')
  await screen.until((text) => text.includes('telemetry.example.net'))
  return { screen, sent, hosts }
}

it('asks for a choice, says what it means, and tells what was decided', async () => {
  const { screen: page, sent } = await shown()
  const [first] = page.wrapper.findAll('form')
  await first?.trigger('submit')
  await page.until((text) => text.includes('Choose one first.'))
  expect(sent).toEqual([])
  await first?.findAll('input')[1]?.setValue(true)
  await page.until((text) => text.includes('Let the role for 7 days'))
  await first?.trigger('submit')
  await page.until((text) => text.includes('olga let runs of the role dev reach it for 7 days.'))
  expect(sent).toEqual([{ decision: 'role' }])
})

/** The question about a host, with one choice of its form made. */
async function choose(page: Screen, host: string, at: number) {
  const form = page.wrapper.findAll('article').find((one) => one.text().includes(host))?.get('form')
  if (form === undefined) throw new Error(`nobody asks for ${host}`)
  await form.findAll('input')[at]?.setValue(true)
  return form
}

it('keeps in sight that somebody was quicker, and about which host', async () => {
  const { screen: page, hosts } = await shown({ state: 'open' })
  const form = await choose(page, 'telemetry', 0)
  hosts.decide(uuid(500), 'never')
  await form.trigger('submit')
  await page.until(() => !page.wrapper.findAll('h3').some((one) => one.text().includes('telemetry')))
  const alert = page.wrapper.get('[role=alert]').text()
  expect(alert).toContain('telemetry.example.net')
  expect(alert).toContain('It is settled already')
  await page.wrapper.get('.gone button').trigger('click')
  expect(page.wrapper.find('[role=alert]').exists()).toBe(false)
})

it('says what was decided after its question is gone', async () => {
  const { screen: page } = await shown({ state: 'open' })
  await (await choose(page, 'telemetry', 1)).trigger('submit')
  await page.until(() => page.wrapper.findAll('h3').length === 2)
  expect(page.wrapper.get('[role=status]').text()).toBe('telemetry.example.net: olga let runs of the role dev reach it for 7 days.')
})

it('stays unfolded on the page of a run when its last question is answered', async () => {
  const { screen: page } = await shown({ run_id: uuid(100) })
  const details = page.wrapper.get<HTMLDetailsElement>('details')
  expect(details.element.open).toBe(true)
  await (await choose(page, 'telemetry', 1)).trigger('submit')
  await page.until((text) => text.includes('hosts that were asked about'))
  expect(details.element.open).toBe(true)
})

it('forgets a choice that a run which ends meanwhile takes away', async () => {
  const run_over = ref(false)
  const [question] = hostKeeper().page(new URLSearchParams()).items
  if (question === undefined) throw new Error('no question')
  screen = await open({ render: () => h(HostQuestion, { question: { ...question, run_over: run_over.value }, decided: vi.fn<() => void>(), refused: vi.fn<() => void>() }) }, '/', '/')
  await choose(screen, 'telemetry', 0)
  await screen.until((text) => text.includes('Let this run'))
  run_over.value = true
  await screen.until((text) => text.includes('The run is over') && !text.includes('Let this run'))
  await screen.wrapper.get('form').trigger('submit')
  await screen.until((text) => text.includes('Choose one first.'))
})

it('offers nothing for a run that is over but what counts for later ones, and nothing to those who may not', async () => {
  const { screen: page } = await shown()
  const questions = page.wrapper.findAll('article')
  const choicesOf = (host: string): number => questions.find((one) => one.text().includes(host))?.findAll('input').length ?? -1
  expect([choicesOf('telemetry'), choicesOf('a-very-long'), choicesOf('billing'), choicesOf('old.example')]).toEqual([4, 3, 0, 0])
  expect(page.wrapper.text()).toContain('Who manages the project decides.')
})

it.each([['Role qa', 'Runs of the role qa can no longer connect'], ['One run', 'The run that was let can no longer connect'], ['All runs', 'Agents of this project can no longer connect']])(
  'says whom a grant is taken from: %s', async (scope, words) => {
    server.use(http.get(staff('projects/p/egress-grants'), () => HttpResponse.json({ items: grants })))
    screen = await open({ render: () => h(GrantList, { projectId: 'p', manages: true }) }, '/', '/')
    await screen.until((said) => said.includes(scope))
    await screen.wrapper.findAll('tbody tr').find((row) => row.text().includes(scope))?.get('button').trigger('click')
    await screen.until((said) => said.includes(words))
  },
)

it('shows the hint of a field with what is wrong about it', async () => {
  const wrong = [{ field: '/host', code: 'pattern', message: 'the value does not match ^[a-z]' }]
  server.use(
    http.get(staff('projects/p/egress-grants'), () => HttpResponse.json({ items: grants })),
    http.post(staff('projects/p/egress-grants'), () => HttpResponse.json({ type: '', title: '', status: 422, code: 'invalid_request', fields: wrong }, { status: 422 })),
  )
  screen = await open({ render: () => h(GrantList, { projectId: 'p', manages: true }) }, '/', '/', 'ru')
  await screen.until((said) => said.includes('telemetry.example.net'))
  await screen.wrapper.get('section button').trigger('click')
  await screen.until(() => document.querySelector('.v-dialog form') !== null)
  document.querySelector('.v-dialog form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
  const text = await screen.until((said) => said.includes('Такое значение не подходит. Имя узла, например api.example.com.'))
  expect(text).not.toContain('does not match')
})

it('lists for whom a host is open, until when, and what went through', async () => {
  server.use(http.get(staff('projects/p/egress-grants'), () => HttpResponse.json({ items: grants })))
  screen = await open({ render: () => h(GrantList, { projectId: 'p', manages: true }) }, '/', '/')
  const text = await screen.until((said) => said.includes('telemetry.example.net'))
  for (const words of ['All runs', 'Role qa', 'One run', 'Never: no run reaches it', '214 connections, 482 kB out, 9.1 MB in', 'Not used yet']) expect(text).toContain(words)
})
