import { expect, it } from 'vitest'

import { ledgerRows } from '@/components/delivery/fold'
import { deliveries } from '../fixtures/data'

const [some] = deliveries
if (some === undefined) throw new Error('the fixtures hold no delivery')
const { reason: _, ...plain } = some
const ledger = [
  { ...plain, id: 'a' },
  { ...some, id: 'b', reason: 'own_action' },
  { ...some, id: 'c', reason: 'own_action' },
  { ...some, id: 'd', reason: 'closed_issue' },
  { ...some, id: 'e', reason: 'own_action' },
]
const shown = (opened: string[]): string[] =>
  ledgerRows(ledger, new Set(opened)).map((row) => (row.kind === 'own' ? `${row.own.items.length} own` : row.delivery.id))

it("folds what the platform's own account did in a row, and nothing else", () => {
  expect(shown([])).toEqual(['a', '2 own', 'd', 'e'])
})

it('keeps the heading of a group that is open', () => {
  expect(shown(['c'])).toEqual(['a', '2 own', 'b', 'c', 'd', 'e'])
})
