// What can come after a run, and starting it.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { NextStep, Run } from '@/api/types'
import { putRun } from '@/live/subscribe'
import { keys } from './keys'

/** Looked at anew whenever the run changes: what is offered follows from where it stands. */
export function useNextSteps(id: MaybeRefOrGetter<string>, run: MaybeRefOrGetter<Run>) {
  return useQuery({
    queryKey: computed(() => keys.nextSteps(toValue(id), toValue(run).status)),
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/api/v1/staff/runs/{run_id}/next-steps', { params: { path: { run_id: toValue(id) } }, signal })),
  })
}

export function useTakeStep() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ run, step }: { run: Run; step: NextStep }) =>
      bodyOf(
        api.POST('/api/v1/staff/runs/{run_id}/next-steps/{step}', {
          params: { path: { run_id: run.id, step: step.step } },
          body: { labels_seen: step.labels },
        }),
      ),
    onSuccess: (run) => putRun(cache, run),
    onSettled: (_started, _error, { run }) => cache.invalidateQueries({ queryKey: keys.nextStepsOf(run.id) }),
  })
}
