// Runs: the list, one run, its audit, and stopping it.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { Run, RunStatus } from '@/api/types'
import { putRun } from '@/live/subscribe'
import { isRun, keepNewerRuns, newerRun, type RunPages } from '@/live/version'
import { RUN_STATUSES } from '@/status'
import { keys, type RunFilters } from './keys'

const FIRST_PAGE: string | undefined = undefined
const PROMPT_MS = 3000
const TALK_MS = 10_000

export function asRunStatus(value: string | undefined): RunStatus | undefined {
  return RUN_STATUSES.find((status) => status === value)
}

function isRunPages(value: unknown): value is RunPages {
  return typeof value === 'object' && value !== null && 'pages' in value && 'pageParams' in value
}

export function useRuns(filters: MaybeRefOrGetter<RunFilters>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.runList(toValue(filters))),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const { status, ...rest } = toValue(filters)
      const known = asRunStatus(status)
      const query = { ...rest, ...(known && { status: known }), ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/runs', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
    structuralSharing: (known, fresh) =>
      isRunPages(fresh) ? keepNewerRuns(isRunPages(known) ? known : undefined, fresh) : fresh,
    placeholderData: (before) => before,
  })
}

export function useRun(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.run(toValue(id))),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/runs/{run_id}', { params: { path: { run_id: toValue(id) } }, signal })),
    structuralSharing: (known, fresh) => (isRun(fresh) ? newerRun(isRun(known) ? known : undefined, fresh) : fresh),
  })
}

export function useTimeline(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.timeline(toValue(id))),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/runs/{run_id}/timeline', { params: { path: { run_id: toValue(id) } }, signal })),
  })
}

/** The conversation that a turn of a discussion belongs to; read again whenever the run has changed. */
export function useConversation(id: MaybeRefOrGetter<string>, run: MaybeRefOrGetter<Run | undefined>) {
  return useQuery({
    queryKey: computed(() => keys.conversation(toValue(id), toValue(run)?.status ?? '')),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/runs/{run_id}/conversation', { params: { path: { run_id: toValue(id) } }, signal })),
    enabled: computed(() => toValue(run)?.kind === 'discussion'),
    // What people say meanwhile changes no run.
    refetchInterval: TALK_MS,
    placeholderData: (before) => before,
  })
}

/** Asks again until there is a prompt, as long as the run may still get one. */
export function useRunPrompt(id: MaybeRefOrGetter<string>, over: MaybeRefOrGetter<boolean>) {
  return useQuery({
    queryKey: computed(() => keys.runPrompt(toValue(id))),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/runs/{run_id}/prompt', { params: { path: { run_id: toValue(id) } }, signal })),
    refetchInterval: ({ state }) => (state.data === undefined || state.data.text !== undefined || toValue(over) ? false : PROMPT_MS),
  })
}

export function useCancelRun() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (run: Run) =>
      bodyOf(api.POST('/api/v1/staff/runs/{run_id}/cancel', { params: { path: { run_id: run.id } } })),
    onSuccess: (run) => putRun(cache, run),
  })
}

/** The whole log as a file of the browser. */
export async function fetchLogFile(id: string): Promise<Blob> {
  return bodyOf(
    api.GET('/api/v1/staff/runs/{run_id}/log', { params: { path: { run_id: id } }, parseAs: 'blob' }),
  )
}
