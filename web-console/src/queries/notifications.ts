// What the reader was told, and wants to be told. The live stream says when to read again; nothing here asks by the clock.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { NotificationChoices } from '@/api/types'
import { keys } from './keys'

const FIRST_PAGE: string | undefined = undefined

export function useNotifications(unread: MaybeRefOrGetter<boolean>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.notificationList(toValue(unread))),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const query = { unread: toValue(unread), ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/notifications', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
  })
}

/** Some of them, or one and all before it: what comes meanwhile stays unread. */
export function useReadNotifications() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: { ids: string[] } | { up_to: string }) => bodyOf(api.POST('/api/v1/staff/notifications/read', { body })),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.notifications }),
  })
}

export function useNotificationChoices() {
  return useQuery({
    queryKey: keys.notificationChoices,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/notifications/choices', { signal })),
  })
}

export function useChooseNotifications() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: NotificationChoices) => bodyOf(api.PUT('/api/v1/staff/notifications/choices', { body })),
    onSuccess: (chosen) => cache.setQueryData<NotificationChoices>(keys.notificationChoices, chosen),
  })
}
