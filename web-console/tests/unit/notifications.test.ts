import { QueryClient } from '@tanstack/vue-query'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'

import { NOTIFICATION_KIND, NOTIFICATION_KINDS } from '@/components/notification/looks'
import NotificationBell from '@/components/shell/NotificationBell.vue'
import { followRuns } from '@/live/subscribe'
import { keys } from '@/queries/keys'
import Notifications from '@/views/Notifications.vue'
import { uuid } from '../fixtures/data'
import { notificationKeeper, notifications } from '../fixtures/notifications'
import { open, staff, type Screen } from './mount'
import { ORIGIN, server } from './server'

let screen: Screen | undefined
let sent: unknown[] = []

beforeAll(() => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  sent = []
  document.body.replaceChildren()
})

function keep(all = notifications): ReturnType<typeof notificationKeeper> {
  const keeper = notificationKeeper(all)
  server.use(
    http.get(staff('notifications'), ({ request }) => HttpResponse.json(keeper.page(new URL(request.url).searchParams))),
    http.post<never, { ids?: string[]; up_to?: string }>(staff('notifications/read'), async ({ request }) => {
      const read = await request.json()
      sent.push(read)
      return HttpResponse.json(keeper.read(read))
    }),
    http.get(staff('notifications/choices'), () => HttpResponse.json(keeper.choices())),
    http.put<never, Record<string, boolean>>(staff('notifications/choices'), async ({ request }) => {
      const chosen = await request.json()
      sent.push(chosen)
      return HttpResponse.json(keeper.choose(chosen))
    }),
  )
  return keeper
}

function button(words: string): HTMLElement {
  const found = [...document.querySelectorAll<HTMLElement>('button')].find(({ textContent }) => textContent?.includes(words))
  if (found === undefined) throw new Error(`no button: ${words}`)
  return found
}

const focused = (): string | null | undefined => document.activeElement?.getAttribute('href')

function press(key: string): void {
  document.querySelector('section.menu')?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
}

const bell = (): Promise<Screen> => open(NotificationBell, '/bell', '/bell')

async function opened(): Promise<string> {
  screen = await bell()
  await screen.until((shown) => shown.includes('4 unread notifications'))
  await screen.wrapper.get('#bell').trigger('click')
  return screen.until((shown) => shown.includes('Open the inbox'))
}

it('offers every kind once', () => {
  expect([...NOTIFICATION_KINDS].toSorted()).toEqual(Object.keys(NOTIFICATION_KIND).toSorted())
})

it('says what each is about and leads there, and what is opened is read', async () => {
  keep()
  const text = await opened()
  expect(text).toContain('Where should an amount be rounded')
  expect(text).toContain('Put area:ui on #50 and take triage off')
  expect(text).toContain('Nobody removes the last address')
  expect(text).toContain('Agent warns')
  const claims = [...document.querySelectorAll('.menu li')].filter((row) => row.textContent?.includes('nobody has checked them'))
  expect(claims).toHaveLength(3)
  expect(claims[0]?.textContent).toContain('The tests of the payment sandbox')
  expect(text).not.toContain('Half of the forms')
  expect(document.querySelector(`a[href="/runs/${uuid(103)}"]`)).not.toBeNull()
  document.querySelector<HTMLElement>(`a[href="/inbox/${uuid(400)}"]`)?.click()
  await vi.waitUntil(() => screen?.router.currentRoute.value.path === `/inbox/${uuid(400)}`)
  await vi.waitUntil(() => sent.length > 0)
  expect(sent).toEqual([{ ids: [uuid(500)] }])
})

it('marks all as read up to the newest that is shown, and counts anew', async () => {
  keep()
  await opened()
  button('Mark all as read').click()
  await vi.waitUntil(() => document.querySelector('#bell')?.getAttribute('aria-label') === 'No unread notifications')
  expect(sent).toEqual([{ up_to: uuid(500) }])
})

it('is gone through by keyboard', async () => {
  keep()
  await opened()
  document.querySelector<HTMLElement>('section.menu a')?.focus()
  expect(focused()).toBe(`/inbox/${uuid(400)}`)
  press('ArrowDown')
  expect(focused()).toBe(`/inbox/${uuid(410)}`)
  press('ArrowUp')
  press('ArrowUp')
  expect(document.activeElement?.textContent).toContain('Mark all as read')
  press('ArrowUp')
  expect(focused()).toBe('/notifications')
})

it('teaches what will come, and says what failed', async () => {
  keep([])
  screen = await bell()
  await screen.until(() => document.querySelector('#bell')?.getAttribute('aria-label') === 'No unread notifications')
  await screen.wrapper.get('#bell').trigger('click')
  await screen.until((shown) => shown.includes('Nothing to tell you yet'))
  screen.wrapper.unmount()
  document.body.replaceChildren()
  server.use(http.get(staff('notifications'), () => HttpResponse.json({ type: '', title: '', status: 503, code: 'unavailable' }, { status: 503 })))
  screen = await bell()
  await screen.wrapper.get('#bell').trigger('click')
  await screen.until((shown) => shown.includes('The platform could not answer'))
})

it('shows all of what an agent said, and marks one as read', async () => {
  keep()
  screen = await open(Notifications, '/notifications', '/notifications')
  const text = await screen.until((shown) => shown.includes('I left both as they are'))
  expect(text.split('nobody has checked them')).toHaveLength(5)
  expect(text).toContain('Half of the forms')
  expect(text).toContain('Host refused')
  expect(text).toContain('telemetry.example.net')
  expect(text).not.toContain('**refuses**')
  button('Mark as read').click()
  await vi.waitUntil(() => sent.length > 0)
  expect(sent).toEqual([{ ids: [uuid(500)] }])
})

it('shows what is unread alone', async () => {
  keep()
  screen = await open(Notifications, '/notifications?state=unread', '/notifications')
  const text = await screen.until((shown) => shown.includes('Where should an amount be rounded'))
  expect(text).not.toContain('Half of the forms')
  button('Mark all as read').click()
  await screen.until((shown) => shown.includes('All is read'))
})

it('takes a choice at once and shows what counts', async () => {
  const keeper = keep()
  screen = await open(Notifications, '/notifications', '/notifications', 'ru')
  await screen.until((shown) => shown.includes('Агент рассказывает, как идут дела'))
  const boxes = screen.wrapper.findAll<HTMLInputElement>('.choices input[type=checkbox]')
  expect(boxes.map(({ element }) => element.checked)).toEqual([true, true, true, true, true, true, true, true, true, true, false])
  await boxes.at(-1)?.setValue(true)
  await screen.until((shown) => shown.includes('Сохранено'))
  expect(sent).toEqual([{ status_update: true }])
  expect(keeper.choices().status_update).toBe(true)
})

it('reads again when the stream says that there is something', async () => {
  server.use(http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.json({ access_token: 't', expires_in: 900 })))
  const cache = new QueryClient()
  // What outside systems ask is read again with them: nothing else says that there is something.
  const shown = [keys.newestNotifications, keys.outsideList({ state: 'open' }), keys.approvalsForMe]
  for (const key of shown) cache.setQueryData(key, { items: [], unread: 0 })
  server.use(http.get(staff('runs/stream'), () =>
    new HttpResponse('event: notifications\ndata: {"unread":1}\n\n', { headers: { 'content-type': 'text/event-stream' } })))
  const leave = new AbortController()
  const following = followRuns(cache, leave.signal)
  await vi.waitUntil(() => shown.every((key) => cache.getQueryState(key)?.isInvalidated))
  leave.abort()
  await following
})

it('reads the lists again when the stream opens, the first time too: what changed before is not told', async () => {
  server.use(http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.json({ access_token: 't', expires_in: 900 })))
  const cache = new QueryClient()
  const shown = [keys.runList({}), keys.waits, keys.approvalList({}), keys.outsideList({ state: 'open' })]
  for (const key of shown) cache.setQueryData(key, { pages: [], pageParams: [] })
  server.use(http.get(staff('runs/stream'), () => new HttpResponse(': open\n\n', { headers: { 'content-type': 'text/event-stream' } })))
  const leave = new AbortController()
  const following = followRuns(cache, leave.signal)
  await vi.waitUntil(() => shown.every((key) => cache.getQueryState(key)?.isInvalidated), { timeout: 4000 })
  leave.abort()
  await following
})
