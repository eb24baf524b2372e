import { http, HttpResponse } from 'msw'
import { expect, it, vi } from 'vitest'

import { ApiProblem } from '@/api/problem'
import { readStream, type StreamMessage } from '@/api/stream'
import { ORIGIN, server } from './server'

const PATH = '/api/v1/staff/runs/stream'

function sse(text: string): HttpResponse<string> {
  return new HttpResponse(text, { headers: { 'content-type': 'text/event-stream' } })
}

function signedIn(): void {
  server.use(http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.json({ access_token: 't', expires_in: 900 })))
}

/** The stream of a page that has no token yet: the token is the session's own. */
async function fresh() {
  vi.resetModules()
  return { ...(await import('@/api/stream')), ...(await import('@/api/problem')) }
}

function listener(complete: () => boolean) {
  const seen: StreamMessage[] = []
  const options = {
    path: PATH,
    signal: new AbortController().signal,
    onMessage: (message: StreamMessage) => seen.push(message),
    onOpen: vi.fn<() => void>(),
    onLost: vi.fn<() => void>(),
    isComplete: complete,
  }
  return { seen, options }
}

it('goes on after the last event it has seen', async () => {
  signedIn()
  const asked: (string | null)[] = []
  const answers = ['id: 7\nevent: run\ndata: {"a":1}\n\nevent: flow\ndata: {}\n\n', 'id: 8\nevent: run\ndata: {"a":2}\n\n']
  server.use(
    http.get(ORIGIN + PATH, ({ request }) => {
      asked.push(request.headers.get('last-event-id'))
      return sse(answers[asked.length - 1] ?? '')
    }),
  )
  const { seen, options } = listener(() => asked.length === 2)
  await readStream(options)
  expect(asked).toEqual([null, '7'])
  expect(seen.map(({ event, data }) => `${event} ${data}`)).toEqual(['run {"a":1}', 'flow {}', 'run {"a":2}'])
  expect(options.onLost).toHaveBeenCalledOnce()
  expect(options.onOpen).toHaveBeenCalledTimes(2)
})

it('comes back after a server error', async () => {
  signedIn()
  let asked = 0
  server.use(
    http.get(ORIGIN + PATH, () => {
      asked += 1
      return asked === 1 ? new HttpResponse(null, { status: 502 }) : sse('')
    }),
  )
  const { options } = listener(() => true)
  await readStream(options)
  expect(asked).toBe(2)
})

it.each([503, 429])('comes back after a renewal of the token that met %d', async (status) => {
  let renewals = 0
  server.use(
    http.post(`${ORIGIN}/api/v1/auth/refresh`, () => {
      renewals += 1
      return renewals === 1
        ? HttpResponse.json({ code: 'unavailable', status, title: '', type: '' }, { status })
        : HttpResponse.json({ access_token: 't', expires_in: 900 })
    }),
    http.get(ORIGIN + PATH, () => sse('')),
  )
  const { readStream: read } = await fresh()
  const { options } = listener(() => true)
  await read(options)
  expect(renewals).toBe(2)
  expect(options.onLost).toHaveBeenCalledOnce()
  expect(options.onOpen).toHaveBeenCalledOnce()
})

it('ends when the session is over', async () => {
  server.use(http.post(`${ORIGIN}/api/v1/auth/refresh`, () => HttpResponse.json({ code: 'no_session', status: 401, title: '', type: '' }, { status: 401 })))
  const { readStream: read, SignedOut } = await fresh()
  const { options } = listener(() => true)
  await expect(read(options)).rejects.toBeInstanceOf(SignedOut)
  expect(options.onLost).not.toHaveBeenCalled()
})

it('ends with the refusal when the server says no', async () => {
  signedIn()
  server.use(http.get(ORIGIN + PATH, () => HttpResponse.json({ code: 'not_found', status: 404, title: '', type: '' }, { status: 404 })))
  const { options } = listener(() => true)
  await expect(readStream(options)).rejects.toBeInstanceOf(ApiProblem)
})
