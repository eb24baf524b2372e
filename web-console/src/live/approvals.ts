// Finding requests of agents in whatever the cache keeps under their keys: one, a page, or pages.
import { isRecord } from '@/api/problem'
import type { Approval } from '@/api/types'

function isApproval(value: unknown): value is Approval {
  return isRecord(value) && typeof value['run_id'] === 'string' && typeof value['tool'] === 'string' && 'may_decide' in value
}

export function approvalsIn(data: unknown): Approval[] {
  if (isApproval(data)) return [data]
  if (!isRecord(data)) return []
  const inner: unknown = data['pages'] ?? data['items']
  return Array.isArray(inner) ? inner.flatMap(approvalsIn) : []
}
