// The ledger as rows: what people and GitHub did, one row each, and what the platform's own account did in between, folded.
import type { Delivery } from '@/api/types'

export interface OwnDoing {
  /** The oldest of them, which stays while newer ones arrive; it names the group. */
  id: string
  items: readonly Delivery[]
}

export type LedgerRow = { kind: 'delivery'; delivery: Delivery } | { kind: 'own'; own: OwnDoing }

const OWN = 'own_action'

/** Folds runs of two and more deliveries that the platform's own account caused, unless their group is opened. */
export function ledgerRows(deliveries: readonly Delivery[], opened: ReadonlySet<string>): LedgerRow[] {
  const rows: LedgerRow[] = []
  for (let at = 0; at < deliveries.length; ) {
    const items = runFrom(deliveries, at)
    const id = items.at(-1)?.id ?? ''
    if (items.length > 1) rows.push({ kind: 'own', own: { id, items } })
    if (items.length === 1 || opened.has(id)) rows.push(...items.map((delivery) => ({ kind: 'delivery' as const, delivery })))
    at += items.length
  }
  return rows
}

/** The delivery there, and those after it that belong to the same group. */
function runFrom(deliveries: readonly Delivery[], at: number): readonly Delivery[] {
  if (deliveries[at]?.reason !== OWN) return deliveries.slice(at, at + 1)
  const rest = deliveries.slice(at)
  const end = rest.findIndex(({ reason }) => reason !== OWN)
  return end === -1 ? rest : rest.slice(0, end)
}
