// The access token: in this module's memory and nowhere else. It is renewed by the session cookie, once for all requests
// that find it stale at the same time.
import { isRecord, jsonBody, problemOf, SignedOut, Unreachable } from './problem'

let accessToken: string | undefined
let renewal: Promise<void> | undefined
let whenSignedOut: () => void = () => {}

/** Called each time a session turns out to be over. */
export function onSignedOut(callback: () => void): void {
  whenSignedOut = callback
}

/** Whether a token is at hand; it may still be refused. */
export function hasToken(): boolean {
  return accessToken !== undefined
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch (cause) {
    if (request.signal.aborted) throw cause
    throw new Unreachable(cause)
  }
}

async function exchangeCookie(): Promise<void> {
  const response = await send(new Request(`${location.origin}/api/v1/auth/refresh`, { method: 'POST' }))
  const body = await jsonBody(response)
  if (response.status === 401 || response.status === 403) {
    accessToken = undefined
    throw new SignedOut()
  }
  if (!response.ok || !isRecord(body) || typeof body['access_token'] !== 'string') throw problemOf(response, body)
  accessToken = body['access_token']
}

/** Gets a fresh token for the session cookie. Throws `SignedOut` when there is no session any more. */
export function renew(): Promise<void> {
  renewal ??= exchangeCookie().finally(() => {
    renewal = undefined
  })
  return renewal
}

/** `fetch` with the token. A 401 is answered by one renewal and one repetition. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const repeat = request.clone()
  const used = accessToken
  if (used !== undefined) {
    const response = await send(withToken(request, used))
    if (response.status !== 401) return response
  }
  try {
    if (accessToken === used) await renew()
  } catch (error) {
    if (error instanceof SignedOut) whenSignedOut()
    throw error
  }
  const response = await send(withToken(repeat, accessToken ?? ''))
  if (response.status === 401) {
    accessToken = undefined
    whenSignedOut()
    throw new SignedOut()
  }
  return response
}

function withToken(request: Request, token: string): Request {
  const headers = new Headers(request.headers)
  headers.set('Authorization', `Bearer ${token}`)
  return new Request(request, { headers })
}

/** Revokes the session. Throws when that failed: its cookie is still there then, and one is still signed in. */
export async function signOut(): Promise<void> {
  const response = await send(new Request(`${location.origin}/api/v1/auth/sign-out`, { method: 'POST' }))
  if (!response.ok && response.status !== 401) throw problemOf(response, await jsonBody(response))
  accessToken = undefined
  whenSignedOut()
}
