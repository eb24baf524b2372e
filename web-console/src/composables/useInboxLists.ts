// What the inbox lists: what outside systems and what agents ask, open before decided.
import { computed } from 'vue'

import { useApprovals } from '@/queries/approvals'
import type { OutsideFilters } from '@/queries/keys'
import { useOutsideRequests } from '@/queries/outside'

/** A request with where it comes from. */
export interface InboxEntry {
  id: string
  from: 'outside' | ''
  /** Nobody has decided yet. */
  open: boolean
}

const STATES = ['open', 'decided'] as const

export function useInboxLists(read: (name: 'state' | 'project') => string | undefined) {
  function filters(name: 'open' | 'decided'): OutsideFilters | undefined {
    const [wanted, project] = [read('state'), read('project')]
    if ((wanted === 'open' || wanted === 'decided') && wanted !== name) return undefined
    return { state: name, ...(project && { project_id: project }) }
  }
  const lists = STATES.map((name) => ({ name, agents: useApprovals(() => filters(name)), outside: useOutsideRequests(() => filters(name)) }))
  const shown = computed(() =>
    lists
      .filter(({ name }) => filters(name) !== undefined)
      .map(({ name, agents, outside }) => ({
        name, agents, outside,
        approvals: agents.data.value?.pages.flatMap(({ items }) => items) ?? [],
        requests: outside.data.value?.pages.flatMap(({ items }) => items) ?? [],
      })),
  )
  const queries = computed(() => shown.value.flatMap(({ agents, outside }) => [agents, outside]))
  return {
    shown,
    /** In the order in which they stand there. */
    all: computed(() =>
      shown.value.flatMap(({ name, requests, approvals }) => [
        ...requests.map(({ id }): InboxEntry => ({ id, from: 'outside', open: name === 'open' })),
        ...approvals.map(({ id }): InboxEntry => ({ id, from: '', open: name === 'open' })),
      ]),
    ),
    isPending: computed(() => queries.value.some(({ isPending }) => isPending.value)),
    failure: computed(() => queries.value.find(({ error, data }) => error.value !== null && data.value === undefined)?.error.value),
    again: (): void => {
      for (const query of queries.value) void query.refetch()
    },
  }
}
