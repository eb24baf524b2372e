// Systems of others that may ask a project's people.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { NewIntegration } from '@/api/types'
import { keys } from './keys'

export function useIntegrations(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.integrations(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/integrations', { params: { path }, signal }))
    },
  })
}

/** Adds one. Its token is in the answer alone, which whoever has shown it resets. */
export function useAddIntegration(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: NewIntegration) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.POST('/api/v1/staff/projects/{project_id}/integrations', { params: { path }, body }))
    },
    gcTime: 0,
    onSettled: () => cache.invalidateQueries({ queryKey: keys.integrations(toValue(project)) }),
  })
}

export function useWithdrawIntegration(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => done(api.DELETE('/api/v1/staff/integrations/{integration_id}', { params: { path: { integration_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.integrations(toValue(project)) }),
  })
}
