// What systems of others ask. The live stream says when to read again; nothing here asks by the clock.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { AnswerGiven, IntegrationRequest, OutsideDecisionGiven } from '@/api/types'
import { keys, type OutsideFilters } from './keys'

const FIRST_PAGE: string | undefined = undefined

/** A list; without filters (`undefined`) it is not asked for. */
export function useOutsideRequests(filters: MaybeRefOrGetter<OutsideFilters | undefined>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.outsideList(toValue(filters) ?? {})),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const query = { ...toValue(filters), ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/integration-requests', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
    enabled: computed(() => toValue(filters) !== undefined),
    placeholderData: (before) => before,
  })
}

export function useOutsideRequest(id: MaybeRefOrGetter<string | undefined>) {
  const wanted = computed(() => toValue(id) ?? '')
  return useQuery({
    queryKey: computed(() => keys.outsideRequest(wanted.value)),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/integration-requests/{request_id}', { params: { path: { request_id: wanted.value } }, signal })),
    enabled: computed(() => wanted.value !== ''),
  })
}

/** What somebody decides, as the request wants it. */
export type OutsideSaid = { decision: OutsideDecisionGiven } | { answer: AnswerGiven }

export interface OutsideHooks {
  sent: (settled: IntegrationRequest) => void
  refused: (id: string, error: unknown) => void
}

/** Decides or answers. Everything is read again, also when somebody was quicker; the hooks come first, while the form stands. */
export function useSettleOutside({ sent, refused }: OutsideHooks) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ id, said }: { id: string; said: OutsideSaid }) => {
      const params = { path: { request_id: id } }
      return 'answer' in said
        ? bodyOf(api.POST('/api/v1/staff/integration-requests/{request_id}/answer', { params, body: said.answer }))
        : bodyOf(api.POST('/api/v1/staff/integration-requests/{request_id}/decision', { params, body: said.decision }))
    },
    onSuccess: (request) => {
      sent(request)
      cache.setQueryData<IntegrationRequest>(keys.outsideRequest(request.id), request)
    },
    onError: (error, { id }) => refused(id, error),
    onSettled: () => Promise.all([keys.outside, keys.approvalsForMe].map((queryKey) => cache.invalidateQueries({ queryKey }))),
  })
}
