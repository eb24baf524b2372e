// Services of others through which a project's people are asked.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf, done } from '@/api/client'
import type { Channel, ChannelChange, NewChannel } from '@/api/types'
import { keys } from './keys'

/** Between two looks while a channel is being tried. */
const TRIED_MS = 1_000

/** A test is on its way, or waits for somebody there. */
export function isTried({ trial }: Channel): boolean {
  return trial?.state === 'queued' || trial?.state === 'asked'
}

export function useChannels(project: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.channels(toValue(project))),
    queryFn: ({ signal }) => {
      const path = { project_id: toValue(project) }
      return bodyOf(api.GET('/api/v1/staff/projects/{project_id}/channels', { params: { path }, signal }))
    },
    refetchInterval: ({ state }) => (state.data?.items.some(isTried) === true ? TRIED_MS : false),
  })
}

/** Adds a channel, or changes `channel`; refused when somebody else changed it since it was read. */
export function useSaveChannel(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ channel, body }: { channel: Channel; body: ChannelChange } | { channel?: undefined; body: NewChannel }) => {
      if (channel === undefined) {
        const path = { project_id: toValue(project) }
        return bodyOf(api.POST('/api/v1/staff/projects/{project_id}/channels', { params: { path }, body }))
      }
      const params = { path: { channel_id: channel.id }, header: { 'If-Match': `"${channel.version}"` } }
      return bodyOf(api.PATCH('/api/v1/staff/channels/{channel_id}', { params, body }))
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keys.channels(toValue(project)) }),
  })
}

/** Sends a test request, of which one may be open; what comes of it stands in the channel. */
export function useTryChannel(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => bodyOf(api.POST('/api/v1/staff/channels/{channel_id}/try', { params: { path: { channel_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.channels(toValue(project)) }),
  })
}

export function useRemoveChannel(project: MaybeRefOrGetter<string>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => done(api.DELETE('/api/v1/staff/channels/{channel_id}', { params: { path: { channel_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.channels(toValue(project)) }),
  })
}
