// Words of people without write access: what is let in, letting in, and withdrawing.
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { WordsSeen } from '@/api/types'
import { keys } from './keys'

const FIRST_PAGE: string | undefined = undefined

export function useLetIns(project: MaybeRefOrGetter<string>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.letIns(toValue(project))),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { project_id: toValue(project) }, query: { ...(pageParam && { cursor: pageParam }) } }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/let-ins', { params, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
  })
}

/** Lets in words that the run's prompt shows as left out; the prompt is read again, also when somebody was quicker. */
export function useLetIn(run: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (words: WordsSeen) =>
      bodyOf(api.POST('/api/v1/staff/runs/{run_id}/prompt/let-in', { params: { path: { run_id: toValue(run) } }, body: words })),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.runPrompt(toValue(run)) }),
  })
}

/** Leaves words out again; `stale` is what has shown them as let in. */
export function useWithdrawLetIn(stale: () => readonly unknown[]) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) =>
      done(api.DELETE('/api/v1/staff/let-ins/{let_in_id}', { params: { path: { let_in_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: stale() }),
  })
}
