// Server-sent events over `fetch`, because `EventSource` cannot send an Authorization header. Connects again by itself,
// from the last event it has seen.
import { createParser } from 'eventsource-parser'

import { ApiProblem, jsonBody, problemOf, Unreachable } from './problem'
import { authorizedFetch } from './session'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000
/** A connection that stays silent this long is taken for dead. */
const SILENCE_MS = 60_000

export interface StreamMessage {
  event: string
  data: string
}

export interface StreamOptions {
  path: string
  signal: AbortSignal
  lastEventId?: string
  onMessage: (message: StreamMessage) => void
  /** The server has answered. After a gap this is the moment to read again what the stream does not repeat. */
  onOpen: () => void
  /** The connection is gone; another attempt follows. */
  onLost: () => void
  /** Asked when the server has closed the stream in good order: `true` ends it for good. */
  isComplete: () => boolean
}

/** Reads until `isComplete`, an abort, or a refusal that no repetition can mend (thrown). */
export async function readStream(options: StreamOptions): Promise<void> {
  const { signal } = options
  let lastEventId = options.lastEventId ?? ''
  let pause = FIRST_PAUSE_MS
  const connected = (): void => {
    pause = FIRST_PAUSE_MS
    options.onOpen()
  }
  const seen = (id: string): void => {
    lastEventId = id
  }
  while (!signal.aborted) {
    try {
      await readOnce(options, lastEventId, connected, seen)
      if (options.isComplete()) return
    } catch (error) {
      if (signal.aborted) return
      if (!mayPass(error)) throw error
    }
    if (signal.aborted) return
    options.onLost()
    await rest(pause, signal)
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
  }
}

class BrokenStream extends Error {}

/** A server that is away, restarts or has too much to do, whether it is asked for the stream or for a fresh token. */
function mayPass(error: unknown): boolean {
  if (error instanceof ApiProblem) return error.problem.status >= 500 || error.problem.status === 429
  return error instanceof Unreachable || error instanceof BrokenStream
}

async function readOnce(
  options: StreamOptions,
  lastEventId: string,
  connected: () => void,
  seen: (id: string) => void,
): Promise<void> {
  const headers = new Headers({ Accept: 'text/event-stream' })
  if (lastEventId !== '') headers.set('Last-Event-ID', lastEventId)
  const request = new Request(location.origin + options.path, { headers, signal: options.signal, cache: 'no-store' })
  const response = await authorizedFetch(request)
  if (!response.ok || response.body === null) throw problemOf(response, await jsonBody(response))
  connected()

  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      options.onMessage({ event: event ?? 'message', data })
      if (id !== undefined && id !== '') seen(id)
    },
  })
  await pump(response.body.pipeThrough(new TextDecoderStream()), (text) => parser.feed(text))
}

async function pump(body: ReadableStream<string>, feed: (text: string) => void): Promise<void> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader)
      if (done) return
      feed(value)
    }
  } catch (error) {
    throw new BrokenStream('the stream broke', { cause: error })
  } finally {
    reader.cancel().catch(() => {})
  }
}

async function withinSilence(reader: ReadableStreamDefaultReader<string>): Promise<ReadableStreamReadResult<string>> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BrokenStream('silent for too long')), SILENCE_MS)
  })
  try {
    return await Promise.race([reader.read(), silence])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits with some randomness, so that many consoles do not return at once; coming back online ends the wait. */
function rest(pause: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      removeEventListener('online', finish)
      resolve()
    }
    const timer = setTimeout(finish, pause * (0.5 + Math.random() / 2))
    signal.addEventListener('abort', finish)
    addEventListener('online', finish)
  })
}
