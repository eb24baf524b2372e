// What can go wrong with a request, as errors that screens can show: the server's own problem document, or no answer.
import type { FieldProblem, Problem } from './types'

/** The server answered, and refused. `problem.code` is stable; screens branch on it. */
export class ApiProblem extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title)
    this.name = 'ApiProblem'
    this.problem = problem
  }
}

/** No answer came: the network or the server is away. Trying again may help. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the server did not answer', { cause })
    this.name = 'Unreachable'
  }
}

/** The session is over; only signing in again helps. */
export class SignedOut extends Error {
  constructor() {
    super('the session is over')
    this.name = 'SignedOut'
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

export function isProblem(value: unknown): value is Problem {
  return isRecord(value) && typeof value['code'] === 'string' && typeof value['status'] === 'number'
}

/** The error for a refused response. A body that is no problem document (a proxy's page) keeps its status. */
export function problemOf(response: Response, body: unknown): ApiProblem {
  if (isProblem(body)) return new ApiProblem(body)
  const { status } = response
  return new ApiProblem({ type: 'about:blank', title: response.statusText || `HTTP ${status}`, status, code: `http_${status}` })
}

/** Reads a response's body as JSON; `undefined` when it is none. */
export async function jsonBody(response: Response): Promise<unknown> {
  try {
    const body: unknown = await response.json()
    return body
  } catch {
    return undefined
  }
}

/** Somebody else was quicker to change what a form is about. */
export function isOutdated(error: unknown): boolean {
  return error instanceof ApiProblem && error.problem.status === 412
}

/** What a problem document says about single fields. */
export function fieldProblems(error: unknown): readonly FieldProblem[] {
  return error instanceof ApiProblem ? (error.problem.fields ?? []) : []
}

/** The name by which a form knows the field: the JSON pointer of a member of the body, without its slash. */
export function formField({ field }: FieldProblem): string {
  return field.replace(/^\//, '')
}
