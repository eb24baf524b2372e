// What agents ask of people. The live stream of runs says when to read again; nothing here asks by the clock.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient, type QueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { AnswerGiven, Approval, DecisionGiven } from '@/api/types'
import { approvalsIn } from '@/live/approvals'
import { keys, type ApprovalFilters } from './keys'
import { putInPages } from './pages'

const FIRST_PAGE: string | undefined = undefined
/** A list; without filters (`undefined`) it is not asked for. */
export function useApprovals(filters: MaybeRefOrGetter<ApprovalFilters | undefined>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.approvalList(toValue(filters) ?? {})),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const query = { ...toValue(filters), ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/approvals', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
    enabled: computed(() => toValue(filters) !== undefined),
    placeholderData: (before) => before,
  })
}

/** One request; what a list knows of it is shown at once. */
export function useApproval(id: MaybeRefOrGetter<string | undefined>) {
  const cache = useQueryClient()
  const wanted = computed(() => toValue(id) ?? '')
  return useQuery({
    queryKey: computed(() => keys.approval(wanted.value)),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/approvals/{approval_id}', { params: { path: { approval_id: wanted.value } }, signal })),
    enabled: computed(() => wanted.value !== ''),
    placeholderData: () =>
      cache.getQueriesData({ queryKey: keys.approvals }).flatMap(([, data]) => approvalsIn(data)).find((one) => one.id === wanted.value),
  })
}

/** Wherever it is shown, so that no form for it stands there until the lists are read again. */
function put(cache: QueryClient, approval: Approval): void {
  cache.setQueryData<Approval>(keys.approval(approval.id), approval)
  putInPages<Approval>(cache, keys.approvalLists, approval)
}

/** What a form does about the outcome; it still stands then. */
export interface AnswerHooks {
  sent: (answered: Approval) => void
  refused: (id: string, error: unknown) => void
}

/** Answers. Everything is read again, also when somebody was quicker; the hooks come first, while the form still stands. */
export function useAnswer({ sent, refused }: AnswerHooks) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ id, given }: { id: string; given: AnswerGiven }) =>
      bodyOf(api.POST('/api/v1/staff/approvals/{approval_id}/answer', { params: { path: { approval_id: id } }, body: given })),
    onSuccess: (approval) => {
      sent(approval)
      put(cache, approval)
    },
    onError: (error, { id }) => refused(id, error),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.approvals }),
  })
}

/** Decides about an action. Everything is read again, also when somebody was quicker or the request is another now. */
export function useDecision({ sent, refused }: AnswerHooks) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ id, given }: { id: string; given: DecisionGiven }) =>
      bodyOf(api.POST('/api/v1/staff/approvals/{approval_id}/decision', { params: { path: { approval_id: id } }, body: given })),
    onSuccess: (approval) => {
      sent(approval)
      put(cache, approval)
    },
    onError: (error, { id }) => refused(id, error),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.approvals }),
  })
}
