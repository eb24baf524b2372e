import { http, HttpResponse } from 'msw'
import { beforeEach, expect, it, vi } from 'vitest'

import { ORIGIN, server } from './server'

/** Each test signs in anew: the token is the module's own. */
async function session() {
  vi.resetModules()
  const api = await import('@/api/session')
  const problem = await import('@/api/problem')
  const signedOut = vi.fn<() => void>()
  api.onSignedOut(signedOut)
  return { ...api, ...problem, signedOut }
}

const renewals = vi.fn<() => void>()
beforeEach(() => renewals.mockClear())

function issueTokens(...tokens: string[]): void {
  server.use(
    http.post(`${ORIGIN}/api/v1/auth/refresh`, () => {
      renewals()
      const access_token = tokens.shift()
      return access_token === undefined
        ? HttpResponse.json({ code: 'no_session', status: 401 }, { status: 401 })
        : HttpResponse.json({ access_token, expires_in: 900 })
    }),
  )
}

/** A resource that only one token opens. */
function openedBy(token: () => string): void {
  server.use(
    http.all(`${ORIGIN}/api/thing`, async ({ request }) => {
      const fits = request.headers.get('authorization') === `Bearer ${token()}`
      return fits ? HttpResponse.text(await request.text()) : HttpResponse.json({ code: 'unauthenticated', status: 401 }, { status: 401 })
    }),
  )
}

const get = (): Request => new Request(`${ORIGIN}/api/thing`)

it('renews a stale token once for all requests that met it, and repeats each with its body', async () => {
  const { authorizedFetch } = await session()
  let valid = 'first'
  issueTokens('first', 'second')
  openedBy(() => valid)
  expect((await authorizedFetch(get())).status).toBe(200)

  valid = 'second'
  const post = new Request(`${ORIGIN}/api/thing`, { method: 'POST', body: 'kept' })
  const [read, written] = await Promise.all([authorizedFetch(get()), authorizedFetch(post)])
  expect(read.status).toBe(200)
  expect(await written.text()).toBe('kept')
  expect(renewals).toHaveBeenCalledTimes(2)
})

it('sends to sign-in when the session is over', async () => {
  const { authorizedFetch, SignedOut, signedOut, hasToken } = await session()
  issueTokens()
  await expect(authorizedFetch(get())).rejects.toBeInstanceOf(SignedOut)
  expect(signedOut).toHaveBeenCalledOnce()
  expect(hasToken()).toBe(false)
})

it('does not ask for a third token when a fresh one is refused as well', async () => {
  const { authorizedFetch, SignedOut } = await session()
  issueTokens('first', 'second', 'third')
  openedBy(() => 'another')
  await expect(authorizedFetch(get())).rejects.toBeInstanceOf(SignedOut)
  expect(renewals).toHaveBeenCalledTimes(1)
})

it('stays signed in while the server has not revoked the session', async () => {
  const { authorizedFetch, signOut, signedOut, hasToken, ApiProblem } = await session()
  issueTokens('first')
  openedBy(() => 'first')
  await authorizedFetch(get())
  server.use(http.post(`${ORIGIN}/api/v1/auth/sign-out`, () => HttpResponse.json({ code: 'unavailable', status: 503 }, { status: 503 }), { once: true }))
  await expect(signOut()).rejects.toBeInstanceOf(ApiProblem)
  expect([hasToken(), signedOut.mock.calls.length]).toEqual([true, 0])
  server.use(http.post(`${ORIGIN}/api/v1/auth/sign-out`, () => new HttpResponse(null, { status: 204 })))
  await signOut()
  expect([hasToken(), signedOut.mock.calls.length]).toEqual([false, 1])
})

it('keeps the session while the server cannot be reached', async () => {
  const { authorizedFetch, Unreachable, signedOut } = await session()
  server.use(http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.error()))
  await expect(authorizedFetch(get())).rejects.toBeInstanceOf(Unreachable)
  expect(signedOut).not.toHaveBeenCalled()
})
