import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { h } from 'vue'

import type { Run } from '@/api/types'
import RunOutcome from '@/components/run/RunOutcome.vue'
import { waitingGroups } from '@/components/waiting/groups'
import Waiting from '@/views/Waiting.vue'
import { runs, someRun, uuid } from '../fixtures/data'
import { longestFirst, waiting } from '../fixtures/waits'
import { open, staff, type Screen } from './mount'
import { server } from './server'

const all = longestFirst([...runs, ...waiting])
let screen: Screen | undefined

beforeAll(() => vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} }))
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

function waitsAre(items: Run[], more = false): void {
  server.use(http.get(staff('waits'), () => HttpResponse.json({ items, more })))
}

/** What each section shows, by its heading. */
function sections(): Record<string, string> {
  const found = screen?.wrapper.findAll('section') ?? []
  return Object.fromEntries(found.map((section) => [section.get('h2').text().replace(/\s*\d+$/, ''), section.text()]))
}

it('sorts runs by who or what holds them up, leaves out what nobody waits for, and keeps the longest wait first', () => {
  const groups = waitingGroups([someRun({ id: uuid(900) }), ...all])
  expect(groups.map(({ name, runs: held }) => [name, ...held.map(({ subject_number }) => subject_number)])).toEqual([
    ['people', 30, 39, 50],
    ['limits', 46, 45, 47],
    ['places', 1208, 48, 44, 39],
    ['retry', 49],
  ])
  expect(groups.map(({ helps }) => helps)).toEqual([['people', 'answer'], ['github', 'model'], ['places'], ['retry']])
  expect(waitingGroups(all.filter(({ waits }) => waits?.for === 'model')).map(({ helps }) => helps)).toEqual([['model']])
})

it('says of each run why it waits, until when or at what place, and who can help', async () => {
  waitsAre(all)
  screen = await open(Waiting, '/waiting', '/waiting')
  await screen.until((shown) => shown.includes('Print labels for returns'))
  const { People = '', Limits = '', Places = '', 'Trying again': retry = '' } = sections()

  expect(People).toContain('Waits for a person\'s review of the pull request.')
  expect(People).toContain('merge the pull request, or ask for changes')
  expect(screen.wrapper.get('a[href$="/pull/40"]').text()).toBe('PR #40')

  expect(People).toContain('Waits for an answer to what the agent asked.')
  expect(People).toContain('answer in the inbox')
  expect(screen.wrapper.get('a[href^="/inbox"]').text()).toBe('Inbox')

  expect(Limits).toContain('Waits until GitHub takes calls again.')
  expect(Limits).toContain('in 35 minutes')
  expect(Limits).toContain('You exceeded your current quota')
  expect(Limits).not.toContain('insufficient_quota')
  expect(Limits).toContain('the owner of the platform can raise the limit or pay at the provider')

  expect(Places).toContain('Place in queue')
  expect(Places).toContain('An admin can help: stop another run, or raise the limit.')
  const [longest] = screen.wrapper.findAll('section')[2]?.findAll('tbody tr') ?? []
  expect(longest?.text()).toContain('acme/shop-orders-and-fulfilment#1208 · shop')
  expect(longest?.get('a').attributes('href')).toBe(`/runs/${uuid(114)}`)
  expect(longest?.findAll('td').at(-1)?.text()).toBe('1')

  expect(retry).toContain('A launch failed, and another one follows.')
  expect(document.body.textContent).not.toContain('older ones wait too')
})

it('says the same in Russian, and that there are more', async () => {
  waitsAre(all, true)
  screen = await open(Waiting, '/waiting', '/waiting', 'ru')
  const text = await screen.until((shown) => shown.includes('Print labels for returns'))
  expect(Object.keys(sections())).toEqual(['Люди', 'Ограничения', 'Места', 'Новая попытка'])
  expect(text).toContain('Ждёт, пока модель снова начнёт принимать запросы.')
  expect(text).toContain('Показано 11 запусков из самых новых; ждут и более старые.')
})

it('shows no section for what holds nobody up', async () => {
  waitsAre(all.filter(({ waits }) => waits?.for === 'retry'))
  screen = await open(Waiting, '/waiting', '/waiting')
  await screen.until((shown) => shown.includes('Print labels for returns'))
  expect(Object.keys(sections())).toEqual(['Trying again'])
})

it('says when nothing waits', async () => {
  waitsAre([])
  screen = await open(Waiting, '/waiting', '/waiting')
  expect(await screen.until((shown) => shown.includes('Nothing waits'))).toContain('A run shows up here when')
})

it('says what failed, and reads again when asked to', async () => {
  server.use(http.get(staff('waits'), () => HttpResponse.json({ type: '', title: '', status: 503, code: 'unavailable' }, { status: 503 })))
  screen = await open(Waiting, '/waiting', '/waiting')
  expect(await screen.until((shown) => shown.includes('The platform could not answer'))).toContain('unavailable')
  waitsAre(all)
  await screen.wrapper.get('[role=alert] button').trigger('click')
  await screen.until((shown) => shown.includes('Print labels for returns'))
})

it('sets the words of the agent off from what the platform says', async () => {
  const run = someRun({ status: 'succeeded', summary: 'All is well, merge it.' })
  screen = await open({ render: () => h(RunOutcome, { run }) }, '/run', '/run')
  await screen.until((shown) => shown.includes('All is well, merge it.'))
  expect(screen.wrapper.get('.said').text()).toBe('In the agent’s words; nobody has checked themAll is well, merge it.')
  expect(screen.wrapper.get('.sentence').text()).not.toContain('merge it')
})

it('tells on the page of a parked run until when it waits and what was seen', async () => {
  const [parked = someRun({})] = waiting
  screen = await open({ render: () => h(RunOutcome, { run: parked }) }, '/run', '/run')
  const text = await screen.until((shown) => shown.includes('Waits until the model takes calls again.'))
  expect(text).toMatch(/Goes on after .*\d\d:\d\d/)
  expect(text).toContain('You exceeded your current quota')
  expect(text).not.toContain('in this queue')
})
