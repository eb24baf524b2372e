// The generated contract as a typed client. Every request carries the token; every refusal is thrown as an `ApiProblem`.
import createClient from 'openapi-fetch'

import { problemOf } from './problem'
import type { paths } from './schema'
import { authorizedFetch } from './session'

export const api = createClient<paths>({ baseUrl: location.origin, fetch: authorizedFetch })

type Answer<T> = { data?: T; error?: unknown; response: Response }

/** The body of an answer; throws `ApiProblem` for a refusal. */
export async function bodyOf<T>(pending: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await pending
  if (!response.ok || data === undefined) throw problemOf(response, error)
  return data
}

/** Waits for an answer without a body; throws `ApiProblem` for a refusal. */
export async function done(pending: Promise<Answer<unknown>>): Promise<void> {
  const { error, response } = await pending
  if (!response.ok) throw problemOf(response, error)
}
