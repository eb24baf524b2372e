import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { h } from 'vue'

import type { ChannelChange, NewChannel } from '@/api/types'
import AskedThrough from '@/components/channel/AskedThrough.vue'
import ChannelList from '@/components/channel/ChannelList.vue'
import AnswerOutcome from '@/components/inbox/AnswerOutcome.vue'
import { someApproval } from '../fixtures/approvals'
import { channelKeeper, channels, type ChannelKeeper } from '../fixtures/channels'
import { uuid } from '../fixtures/data'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeEach(() => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

async function shown(manages: boolean, those = channels): Promise<{ page: Screen; sent: unknown[]; keeper: ChannelKeeper }> {
  const keeper = channelKeeper(those)
  const sent: unknown[] = []
  server.use(
    http.get(staff('projects/p/channels'), () => HttpResponse.json({ items: keeper.list() })),
    http.post<never, NewChannel>(staff('projects/p/channels'), async ({ request }) => {
      const body = await request.json()
      sent.push(body)
      return HttpResponse.json(keeper.add(body), { status: 201 })
    }),
    http.patch<{ id: string }, ChannelChange>(staff('channels/:id'), async ({ request, params }) => {
      const body = await request.json()
      sent.push(body)
      const changed = keeper.change(params.id, request.headers.get('if-match') ?? '', body)
      return changed === undefined ? HttpResponse.json({ title: 'late', status: 412, code: 'version_changed', type: 'about:blank' }, { status: 412 }) : HttpResponse.json(changed)
    }),
    http.post<{ id: string }>(staff('channels/:id/try'), ({ params }) => {
      sent.push(`try ${params.id}`)
      const tried = keeper.try(params.id)
      return tried === undefined ? HttpResponse.json({ title: 'late', status: 409, code: 'channel_being_tried', type: 'about:blank' }, { status: 409 }) : HttpResponse.json(tried, { status: 202 })
    }),
    http.delete<{ id: string }>(staff('channels/:id'), ({ params }) => {
      keeper.remove(params.id)
      return new HttpResponse(null, { status: 204 })
    }),
  )
  screen = await open({ render: () => h(ChannelList, { projectId: 'p', manages }) }, '/', '/')
  return { page: screen, sent, keeper }
}

function press(label: string): void {
  const button = [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.textContent ?? '').includes(label))
  if (button === undefined) throw new Error(`no button ${label}`)
  button.click()
}

function fill(label: string, value: string): void {
  const input = [...document.querySelectorAll<HTMLInputElement>('form input')].find((one) => one.labels?.[0]?.textContent?.includes(label))
  if (input === undefined) throw new Error(`no field ${label}`)
  input.value = value
  input.dispatchEvent(new Event('input', { bubbles: true }))
}

it('tells of each channel for whom it speaks, what it was asked last and what went wrong', async () => {
  const { page } = await shown(false)
  const text = await page.until((said) => said.includes('Team chat'))
  for (const words of ['Questions (executor)', 'People who may start runs', 'link-local', '2 requests wait there', 'Not asked yet', 'silenced', 'takes none back']) expect(text).toContain(words)
  expect(document.querySelectorAll('tbody button')).toHaveLength(0)
})

it('says how long people may have before it asks the platform', async () => {
  const { page, sent } = await shown(true)
  await page.until((text) => text.includes('Team chat'))
  press('Change Team chat')
  await page.until(() => document.querySelector('.v-dialog form') !== null)
  fill('Minutes', '4321')
  document.querySelector('form')?.requestSubmit()
  await page.until((text) => text.includes('From 1 to 4320 minutes'))
  expect(sent).toEqual([])
  fill('Minutes', '4320')
  document.querySelector('form')?.requestSubmit()
  await vi.waitUntil(() => sent.length === 1, { timeout: 4000 })
})

it('takes the newest copy into the form when somebody else was quicker', async () => {
  const { page, sent, keeper } = await shown(true)
  await page.until((text) => text.includes('Team chat'))
  press('Change Team chat')
  await page.until(() => document.querySelector('.v-dialog form') !== null)
  keeper.change(uuid(701), '"4"', { name: 'Team talk' })
  fill('Name', 'Chat')
  document.querySelector('form')?.requestSubmit()
  await page.until((text) => text.includes('Read it again before you save'))
  press('Read it again')
  await page.until((text) => text.includes('Change Team talk') && !text.includes('before you save'))
  fill('Name', 'Chat')
  document.querySelector('form')?.requestSubmit()
  await vi.waitUntil(() => keeper.list().some(({ name }) => name === 'Chat'), { timeout: 4000 })
  expect(sent).toHaveLength(2)
})

it('teaches what a channel is where there is none', async () => {
  const { page } = await shown(false, [])
  await page.until((text) => text.includes('People are asked in the console only'))
})

it('adds a channel', async () => {
  const { page, sent } = await shown(true)
  await page.until((text) => text.includes('Team chat'))
  press('Add a channel')
  await page.until((text) => text.includes('You vouch for it'))
  fill('Name', 'Night shift')
  fill('Address', 'http://telegram-approver.night.svc:8080')
  fill('Minutes', '30')
  document.querySelector('form')?.requestSubmit()
  await page.until((text) => text.includes('Night shift'))
  const made = { name: 'Night shift', url: 'http://telegram-approver.night.svc:8080', timeout_seconds: 1800, locale: 'en', speaks_for: 'owner', kind: 'approver' }
  expect(sent).toEqual([made])
})

it('changes a channel by its version', async () => {
  const { page, sent } = await shown(true)
  await page.until((text) => text.includes('Team chat'))
  press('Change Team chat')
  await page.until((text) => text.includes('is taken back when its address'))
  fill('Name', 'Another chat')
  document.querySelector('form')?.requestSubmit()
  await page.until((text) => text.includes('Another chat'))
  expect(sent).toMatchObject([{ name: 'Another chat', speaks_for: 'delegated', enabled: true }])
})

it('takes a channel away', async () => {
  const { page } = await shown(true)
  await page.until((text) => text.includes('Team chat'))
  press('Remove On call')
  await page.until((text) => text.includes('Remove the channel?'))
  const [confirm] = [...document.querySelectorAll<HTMLButtonElement>('.v-dialog button')].filter((one) => one.textContent?.trim() === 'Remove')
  confirm?.click()
  await page.until((text) => !text.includes('a-rather-long-name'))
})

it('tells what came of each test, and lets only who manages the project send one', async () => {
  const { page } = await shown(false)
  const text = await page.until((said) => said.includes('Team chat'))
  for (const words of ['Test: answered in words', 'It reaches me, thank you', 'Test: failed', 'it answered 404']) expect(text).toContain(words)
  expect(text).not.toContain('Send a test')
})

it('sends a test and follows it until it is answered', async () => {
  const { page, sent, keeper } = await shown(true)
  await page.until((text) => text.includes('On call'))
  press('Send a test through On call')
  await page.until((text) => text.includes('being sent'))
  expect(sent).toEqual([`try ${uuid(702)}`])
  keeper.hears(uuid(702), { state: 'asked' })
  await page.until((text) => text.includes('waits for an answer') && text.includes('Nothing follows from it'))
  keeper.hears(uuid(702), { state: 'answered', verdict: 'denied', text: 'Not now' })
  await page.until((text) => text.includes('denied there') && text.includes('In their words: Not now'))
})

it('says that a test is open already', async () => {
  const { page, keeper } = await shown(true)
  await page.until((text) => text.includes('On call'))
  keeper.hears(uuid(702), { state: 'asked' })
  press('Send a test through On call')
  await page.until((text) => text.includes('is being tried already'))
})

it('says beside a request where else it is asked, and of a decision through which channel it came', async () => {
  const asked = someApproval({
    state: 'answered', decided_through: 'Team chat', answer: { option: 0, text: 'Yes' },
    channels: [{ name: 'Team chat', kind: 'executor', state: 'answered', at: '2026-11-22T03:12:24Z' }, { name: 'Second chat', kind: 'executor', state: 'failed', trouble: 'it answered 404', at: '2026-11-22T03:12:24Z' }],
  })
  screen = await open({ render: () => [h(AnswerOutcome, { approval: asked }), h(AskedThrough, { approval: asked })] }, '/', '/')
  const text = await screen.until((said) => said.includes('Second chat'))
  for (const words of ['Somebody in Team chat answered', 'Was asked through', 'it answered 404']) expect(text).toContain(words)
})
