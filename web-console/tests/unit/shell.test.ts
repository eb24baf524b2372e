import { http, HttpResponse } from 'msw'
import { afterEach, expect, it, vi } from 'vitest'

import AccountBlock from '@/components/shell/AccountBlock.vue'
import NotificationBell from '@/components/shell/NotificationBell.vue'
import { open, staff, type Screen } from './mount'
import { ORIGIN, server } from './server'

vi.mock('@/components/notification/NotificationMenu.vue', () => {
  throw new Error('its file is gone')
})

let screen: Screen | undefined

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

it('says that one is still signed in when the session could not be revoked', async () => {
  server.use(http.post(`${ORIGIN}/api/v1/auth/sign-out`, () => HttpResponse.json({ code: 'unavailable', status: 503 }, { status: 503 })))
  screen = await open(AccountBlock, '/', '/')
  await screen.until((text) => text.includes('olga') || text.includes('Olga'))
  await screen.wrapper.get('button').trigger('click')
  await screen.until((text) => text.includes('You are still signed in. Try again.'))
  expect(screen.wrapper.find('[role=alert]').exists()).toBe(true)
})

it('leads to the page of notifications where their menu cannot be loaded', async () => {
  server.use(http.get(staff('notifications'), () => HttpResponse.json({ items: [], unread: 0 })))
  screen = await open(NotificationBell, '/bell', '/bell')
  await screen.wrapper.get('#bell').trigger('click')
  await vi.waitUntil(() => screen?.router.currentRoute.value.path === '/notifications', { timeout: 4000 })
})
