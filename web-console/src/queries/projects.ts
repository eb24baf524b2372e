// Projects, and what belongs to one: members and egress grants. Repositories have a file of their own.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { Locale, Project, ProjectRole, ToolModes } from '@/api/types'
import { keys } from './keys'

const FIRST_PAGE: string | undefined = undefined
const PROJECTS_A_PAGE = 200

export function useProjects() {
  return useInfiniteQuery({
    queryKey: keys.projects,
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PROJECTS_A_PAGE, ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/projects', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
  })
}

/** One project; nothing is read without an id. */
export function useProject(id: MaybeRefOrGetter<string | undefined>) {
  return useQuery({
    queryKey: computed(() => keys.project(toValue(id) ?? '')),
    enabled: computed(() => toValue(id) !== undefined),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(id) ?? '' }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}', { params: { path }, signal }))
    },
  })
}

export interface NewProject {
  slug: string
  name: string
  locale: Locale
}

export function useCreateProject() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: NewProject) => bodyOf(api.POST('/api/v1/staff/projects', { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.projects, exact: true }),
  })
}

export interface ProjectChange {
  name: string
  locale: Locale
  model?: string
  pre_review?: boolean
  stage_order?: boolean
  agent_labels?: string[]
  tool_modes?: ToolModes
}

/** Changes settings; refused when somebody else changed them since `project` was read. */
export function useUpdateProject() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ project, change }: { project: Project; change: ProjectChange }) =>
      bodyOf(
        api.PATCH('/api/v1/staff/projects/{project_id}', {
          params: { path: { project_id: project.id }, header: { 'If-Match': `"${project.version}"` } },
          body: change,
        }),
      ),
    onSuccess: (project) => {
      cache.setQueryData(keys.project(project.id), project)
      return cache.invalidateQueries({ queryKey: keys.projects, exact: true })
    },
  })
}

export function useDeleteProject() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) =>
      done(api.DELETE('/api/v1/staff/projects/{project_id}', { params: { path: { project_id: id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.projects, exact: true }),
  })
}

export function useMembers(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.members(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/members', { params: { path }, signal }))
    },
  })
}

export function useSetMember(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ user, role }: { user: string; role: ProjectRole }) => {
      const path = { project_id: toValue(project), user_id: user }
      return bodyOf(api.PUT('/api/v1/staff/projects/{project_id}/members/{user_id}', { params: { path }, body: { role } }))
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keys.members(toValue(project)) }),
  })
}

export function useRemoveMember(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (user: string) => {
      const path = { project_id: toValue(project), user_id: user }
      return done(api.DELETE('/api/v1/staff/projects/{project_id}/members/{user_id}', { params: { path } }))
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.members(toValue(project)) }),
  })
}

export function useGrants(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.grants(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/egress-grants', { params: { path }, signal }))
    },
  })
}

export function useAddGrant(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: { host: string; note: string }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.POST('/api/v1/staff/projects/{project_id}/egress-grants', { params: { path }, body }))
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.grants(toValue(project)) }),
  })
}

export function useWithdrawGrant(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) =>
      done(api.DELETE('/api/v1/staff/egress-grants/{grant_id}', { params: { path: { grant_id: id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.grants(toValue(project)) }),
  })
}
