// Environments of a project: places that its applications run in, which agents may prepare when people let them.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { EnvironmentKind, ProjectEnvironment } from '@/api/types'
import { keys } from './keys'

export interface EnvironmentSaid {
  kind: EnvironmentKind
  allows_secrets: boolean
  allows_databases: boolean
}

export function useEnvironments(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.environments(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/environments', { params: { path }, signal }))
    },
  })
}

/** Adds an environment, or says anew what one is for. */
export function useSaveEnvironment(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ there, name, said }: { there?: ProjectEnvironment; name: string; said: EnvironmentSaid }) => {
      if (there === undefined) {
        const path = { project_id: toValue(project) }
        return bodyOf(api.POST('/api/v1/staff/projects/{project_id}/environments', { params: { path }, body: { name, ...said } }))
      }
      const params = { path: { environment_id: there.id }, header: { 'If-Match': `"${there.version}"` } }
      return bodyOf(api.PUT('/api/v1/staff/environments/{environment_id}', { params, body: said }))
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keys.environments(toValue(project)) }),
  })
}

export function useRemoveEnvironment(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) =>
      done(api.DELETE('/api/v1/staff/environments/{environment_id}', { params: { path: { environment_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.environments(toValue(project)) }),
  })
}
