import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { router } from '@/router'
import { ORIGIN, server } from './server'

const GONE = new TypeError('Failed to fetch dynamically imported module: https://console.test/assets/Gone-1.js')

const assign = vi.spyOn(location, 'assign').mockImplementation(() => {})
const told = vi.fn<(error: unknown) => void>()

beforeEach(() => {
  vi.stubGlobal('reportError', told)
  sessionStorage.clear()
  assign.mockClear()
  told.mockClear()
  server.use(http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.json({ access_token: 't', expires_in: 900 })))
})

afterEach(() => {
  vi.unstubAllGlobals()
})

/** A page whose file may not be there. */
function page(path: string, load: () => Promise<{ render: () => string }>): void {
  router.addRoute({ path, component: load, meta: { title: 'nav.runs', public: true } })
}

it('reads a page anew whose file is gone since a deployment, once', async () => {
  page('/gone', () => Promise.reject(GONE))
  await expect(router.push('/gone?page=2')).rejects.toBe(GONE)
  expect(assign.mock.calls).toEqual([['/gone?page=2']])
  await expect(router.push('/gone?page=2')).rejects.toBe(GONE)
  expect(assign).toHaveBeenCalledOnce()
  expect(told).toHaveBeenCalledExactlyOnceWith(GONE)
})

it('may read it anew once more after it came', async () => {
  let there = false
  page('/back', () => (there ? Promise.resolve({ render: () => 'here' }) : Promise.reject(GONE)))
  await expect(router.push('/back')).rejects.toBe(GONE)
  there = true
  await router.push('/back')
  expect(router.currentRoute.value.path).toBe('/back')
  expect(sessionStorage.getItem('codex-k8s.read-anew')).toBeNull()
})

it('leaves what else fails, and what fails without a network, to whoever looks', async () => {
  const fault = new Error('a fault of the page')
  page('/faulty', () => Promise.reject(fault))
  await expect(router.push('/faulty')).rejects.toBe(fault)
  vi.stubGlobal('navigator', { ...navigator, onLine: false })
  page('/offline', () => Promise.reject(GONE))
  await expect(router.push('/offline')).rejects.toBe(GONE)
  expect(assign).not.toHaveBeenCalled()
  expect(told).toHaveBeenCalledTimes(2)
})
