// Which failed reads are tried again by themselves.
import { ApiProblem, SignedOut } from '@/api/problem'

const MOST_TRIES = 3

/** No answer, or a server that failed: yes, a few times. A refusal stays a refusal. */
export function worthRetrying(failures: number, error: unknown): boolean {
  if (error instanceof SignedOut) return false
  if (error instanceof ApiProblem && error.problem.status < 500) return false
  return failures < MOST_TRIES
}
