// Hosts that agents were refused. The live streams say when to read again; nothing here asks by the clock.
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { EgressDecision, EgressRequest } from '@/api/types'
import { keys, type HostFilters } from './keys'
import { putInPages } from './pages'

const FIRST_PAGE: string | undefined = undefined

export function useHostQuestions(filters: MaybeRefOrGetter<HostFilters>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.hostList(toValue(filters))),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const query = { ...toValue(filters), ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/egress-requests', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
  })
}

/** What the page does about the outcome, also when the question is not shown any more by then. */
export interface HostHooks {
  sent: (decided: EgressRequest) => void
  refused: (error: unknown) => void
}

/** Decides. Everything is read again, also when somebody was quicker: one decision may answer several questions. */
export function useDecideHost({ sent, refused }: HostHooks) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ id, decision }: { id: string; decision: EgressDecision }) =>
      bodyOf(api.POST('/api/v1/staff/egress-requests/{request_id}/decision', { params: { path: { request_id: id } }, body: { decision } })),
    onSuccess: (decided) => {
      sent(decided)
      putInPages<EgressRequest>(cache, keys.hosts, decided)
    },
    onError: refused,
    onSettled: () => cache.invalidateQueries({ queryKey: keys.hosts }),
  })
}
