// The repositories of a project: connecting, checking, disconnecting.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { Check } from '@/api/types'
import { keys } from './keys'

/** Between two looks while a repository's labels are being made. */
const LABELS_COME_MS = 5_000

/** A worker is making the labels. */
export function labelsCome({ name, state }: Check): boolean {
  return name === 'labels_made' && state === 'unchecked'
}

export function useRepositories(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.repositories(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/repositories', { params: { path }, signal }))
    },
    refetchInterval: ({ state }) => (state.data?.items.some(({ checks }) => checks.some(labelsCome)) === true ? LABELS_COME_MS : false),
  })
}

/** After a change: the list itself and the counts that projects show. */
function useRefresh(project: MaybeRefOrGetter<string>): () => Promise<unknown> {
  const cache = useQueryClient()
  return () =>
    Promise.all([
      cache.invalidateQueries({ queryKey: keys.repositories(toValue(project)) }),
      cache.invalidateQueries({ queryKey: keys.project(toValue(project)), exact: true }),
      cache.invalidateQueries({ queryKey: keys.projects, exact: true }),
    ])
}

export function useConnectRepository(project: MaybeRefOrGetter<string>) {
  const refresh = useRefresh(project)
  return useMutation({
    mutationFn: (body: { full_name: string; token: string }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.POST('/api/v1/staff/projects/{project_id}/repositories', { params: { path }, body }))
    },
    onSuccess: refresh,
  })
}

export function useCheckRepository(project: MaybeRefOrGetter<string>) {
  const refresh = useRefresh(project)
  return useMutation({
    mutationFn: (id: string) =>
      bodyOf(api.POST('/api/v1/staff/repositories/{repository_id}/check', { params: { path: { repository_id: id } } })),
    onSuccess: refresh,
  })
}

export function useDisconnectRepository(project: MaybeRefOrGetter<string>) {
  const refresh = useRefresh(project)
  return useMutation({
    mutationFn: (id: string) =>
      done(api.DELETE('/api/v1/staff/repositories/{repository_id}', { params: { path: { repository_id: id } } })),
    onSuccess: refresh,
  })
}
