import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { h } from 'vue'

import { dropDraft } from '@/components/inbox/drafts'
import IntegrationList from '@/components/integration/IntegrationList.vue'
import NotificationRow from '@/components/notification/NotificationRow.vue'
import { isWeb } from '@/components/outside/looks'
import Inbox from '@/views/Inbox.vue'
import { approvalKeeper } from '../fixtures/approvals'
import { projects, uuid } from '../fixtures/data'
import { integrations, outside, outsideKeeper, type Said } from '../fixtures/integrations'
import { notifications } from '../fixtures/notifications'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined
let sent: unknown[] = []

beforeEach(() => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
  Element.prototype.scrollIntoView = () => {}
  sent = []
})

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  for (const { id } of outside) dropDraft(id)
  document.body.replaceChildren()
})

function keep(those = outside, systems = integrations): void {
  const keeper = outsideKeeper(those, systems)
  const approvals = approvalKeeper()
  const handle = async ({ request }: { request: Request }): Promise<Response> => {
    const url = new URL(request.url)
    const text = await request.text()
    const body: Said = text === '' ? {} : JSON.parse(text)
    if (request.method === 'POST') sent.push(body)
    const { status, body: answer } = keeper({ method: request.method, path: url.pathname.replace('/api/v1/staff/', ''), query: url.searchParams, body })
    return status === 204 ? new HttpResponse(null, { status }) : HttpResponse.json(answer, { status })
  }
  server.use(
    http.get(staff('projects'), () => HttpResponse.json({ items: projects })),
    http.get(staff('approvals'), ({ request }) => HttpResponse.json(approvals.page(new URL(request.url).searchParams))),
    http.all(staff('integration-requests'), handle),
    http.all(staff('integration-requests/*'), handle),
    http.all(staff('projects/p/integrations'), handle),
    http.all(staff('integrations/*'), handle),
  )
}

function press(label: string): void {
  const button = [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.textContent ?? '').trim() === label)
  if (button === undefined) throw new Error(`no button ${label}`)
  button.click()
}

function key(name: string): void {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }))
}

const inbox = (path: string, locale: 'en' | 'ru' = 'en'): Promise<Screen> => open(Inbox, path, '/inbox/:from(outside)?/:id?', locale)

async function listed(manages: boolean): Promise<Screen> {
  screen = await open({ render: () => h(IntegrationList, { projectId: 'p', manages }) }, '/', '/')
  return screen
}

it('tells of each integration what it may ask and when it was used', async () => {
  keep()
  const page = await listed(false)
  const text = await page.until((said) => said.includes('Release bot'))
  for (const words of ['Approvals, Questions', 'Not used yet', 'ivan']) expect(text).toContain(words)
  expect(document.querySelectorAll('tbody button')).toHaveLength(0)
})

it('teaches what an integration is where there is none', async () => {
  keep(outside, [])
  const page = await listed(true)
  await page.until((text) => text.includes('No outside system asks here') && text.includes('a name and a token'))
})

it('shows the token of a new integration once', async () => {
  keep()
  const page = await listed(true)
  await page.until((text) => text.includes('Release bot'))
  press('Add an integration')
  await page.until((text) => text.includes('such as yaml-mcp-server'))
  const name = document.querySelector<HTMLInputElement>('.v-dialog input[type=text]')
  if (name === null) throw new Error('no field')
  name.value = 'Night shift'
  name.dispatchEvent(new Event('input', { bubbles: true }))
  document.querySelectorAll<HTMLInputElement>('.v-dialog input[type=checkbox]')[1]?.click()
  document.querySelector('form')?.requestSubmit()
  await page.until((text) => text.includes(`cxi_${'k'.repeat(43)}`) && text.includes('Give it to Night shift now'))
  expect(sent).toEqual([{ name: 'Night shift', asks: ['approval'] }])
  press('I have kept it')
  await page.until((text) => !text.includes('cxi_') && text.includes('Night shift'))
})

it('withdraws an integration by name', async () => {
  keep()
  const page = await listed(true)
  await page.until((text) => text.includes('Release bot'))
  press('Withdraw Release bot')
  await page.until((text) => text.includes('Withdraw the integration?') && text.includes('opens nothing any more'))
  const [confirm] = [...document.querySelectorAll<HTMLButtonElement>('.v-dialog button')].filter((one) => one.textContent?.trim() === 'Withdraw')
  confirm?.click()
  await page.until((text) => !text.includes('Release bot ·') && !text.includes('Approvals, Questions'))
})

it('shows what an outside system asks as text, first of all, and marked as such', async () => {
  keep()
  screen = await inbox('/inbox')
  const text = await screen.until((said) => said.includes('Ten minutes of a slow shop.'))
  expect(screen.router.currentRoute.value.path).toBe(`/inbox/outside/${uuid(800)}`)
  for (const words of ['Outside system', 'Release bot asks for leave', '<b>asked for</b>', '"version": "1.4.2"', 'nobody has checked it', 'Release bot is told so', 'From outside systems, decided']) {
    expect(text).toContain(words)
  }
  const article = screen.wrapper.get('article')
  expect(article.find('b').exists()).toBe(false)
  expect(article.findAll('a').map((link) => link.attributes('href'))).toEqual(['https://git.example/acme/shop-web/pull/12'])
  const rows = screen.wrapper.findAll('[data-request]').map((row) => row.attributes('data-request'))
  expect([rows[0], rows[1], rows.at(-1)]).toEqual([uuid(800), uuid(801), uuid(406)])
})

it('denies with words after asking once more, by keyboard', async () => {
  keep()
  screen = await inbox(`/inbox/outside/${uuid(800)}`)
  await screen.until((text) => text.includes('Ten minutes of a slow shop.'))
  key('d')
  await screen.until(() => document.activeElement instanceof HTMLInputElement && document.activeElement.checked)
  await screen.wrapper.get('textarea').setValue('Not on a Friday.')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((text) => text.includes('Release bot reads:') && text.includes('Not on a Friday.'))
  expect(sent).toEqual([])
  press('Deny it')
  const text = await screen.until((said) => said.includes('olga denied it'))
  expect(sent).toEqual([{ decision: 'deny', words: 'Not on a Friday.' }])
  expect(text).toContain('being told')
})

it('answers a question with an option or in words of one\'s own', async () => {
  keep()
  screen = await inbox(`/inbox/outside/${uuid(801)}`)
  await screen.until((text) => text.includes('Both have a copy of last night.'))
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((text) => text.includes('Choose an answer.'))
  key('3')
  await screen.until(() => document.activeElement instanceof HTMLTextAreaElement)
  await screen.wrapper.get('textarea').setValue('Neither.')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((text) => text.includes('Send this answer?'))
  press('Send the answer')
  await screen.until((text) => text.includes('olga answered') && text.includes('Neither.'))
  expect(sent).toEqual([{ text: 'Neither.' }])
})

it('says what became of it and whether the other side knows, in either language', async () => {
  keep()
  screen = await inbox(`/inbox/outside/${uuid(802)}`)
  const text = await screen.until((said) => said.includes('olga denied it'))
  for (const words of ['Not on a Friday.', 'not told', 'it answered 503']) expect(text).toContain(words)
  screen.wrapper.unmount()
  screen = await inbox(`/inbox/outside/${uuid(803)}`, 'ru')
  const russian = await screen.until((said) => said.includes('Никто не решил вовремя'))
  expect(russian).toContain('Release bot об этом знает')
  expect(russian).not.toMatch(/outside\.\w+/)
})

it('leads from a notification to what is asked', async () => {
  const told = notifications.find(({ kind }) => kind === 'outside')
  if (told === undefined) throw new Error('no such notification')
  screen = await open({ render: () => h(NotificationRow, { notification: told }) }, '/', '/')
  const text = await screen.until((said) => said.includes('Deploy 1.4.2 of the shop'))
  expect(text).toContain('Release bot · Shop')
  expect(screen.wrapper.get('a').attributes('href')).toBe(`/inbox/outside/${uuid(800)}`)
})

it.each([['https://a.example/x', true], ['HTTP://a.example', true], ['javascript:alert(1)', false], ['//a.example', false], ['https://', false], ['data:text/html,x', false]])(
  'makes a link of web addresses only: %s', (url, expected) => expect(isWeb(url)).toBe(expected),
)
