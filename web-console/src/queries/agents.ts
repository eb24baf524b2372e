// Agents: who acts in a project, and the versions of what each may do.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { AgentDetail, AgentPolicy } from '@/api/types'
import { keys } from './keys'

export function useAgents(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.agents(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/agents', { params: { path }, signal }))
    },
  })
}

export function useAgent(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.agent(toValue(id))),
    queryFn: ({ signal }) => {
      const path = { agent_id: toValue(id) }
      return bodyOf(api.GET('/api/v1/staff/agents/{agent_id}', { params: { path }, signal }))
    },
  })
}

/** For whom a version is written: the project alone, or every one. */
export type Scope = 'project' | 'everybody'

/** What a version says, and why it is written. */
export interface Written {
  policy: AgentPolicy
  reason: string
}

function ifMatch({ agent }: AgentDetail) {
  return { path: { agent_id: agent.id }, header: { 'If-Match': `"${agent.version.number}"` } }
}

/** After a write the agent is as the answer says, and every list that shows it is read anew. */
function useStored() {
  const cache = useQueryClient()
  return async (detail: AgentDetail): Promise<void> => {
    cache.setQueryData(keys.agent(detail.agent.id), detail)
    await cache.invalidateQueries({ queryKey: keys.agentLists })
  }
}

/** Writes the next version; refused when somebody else wrote one since the agent was read. */
export function useChangeAgent() {
  const stored = useStored()
  return useMutation({
    mutationFn: ({ agent, written }: { agent: AgentDetail; written: Written }) =>
      bodyOf(api.PUT('/api/v1/staff/agents/{agent_id}/policy', { params: ifMatch(agent), body: written })),
    onSuccess: stored,
  })
}

/** Gives a project an agent of its own in the place of the role of this name. */
export function useAddAgent(project: MaybeRefOrGetter<string>) {
  const stored = useStored()
  return useMutation({
    mutationFn: ({ name, written }: { name: string; written: Written }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.POST('/api/v1/staff/projects/{project_id}/agents', { params: { path }, body: { name, ...written } }))
    },
    onSuccess: stored,
  })
}

export function useRollBackAgent() {
  const stored = useStored()
  return useMutation({
    mutationFn: ({ agent, number, reason }: { agent: AgentDetail; number: number; reason: string }) =>
      bodyOf(api.POST('/api/v1/staff/agents/{agent_id}/roll-back', { params: ifMatch(agent), body: { number, reason } })),
    onSuccess: stored,
  })
}

export function useRemoveAgent() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => done(api.DELETE('/api/v1/staff/agents/{agent_id}', { params: { path: { agent_id: id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.agentLists }),
  })
}
