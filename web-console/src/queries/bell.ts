// What is meant for the reader alone. Every page shows it, so it stands apart from what only single pages need.
import { useQuery } from '@tanstack/vue-query'

import { api, bodyOf } from '@/api/client'
import { keys } from './keys'

/** As many as the menu shows. */
const NEWEST = 8

/** How many of all open requests the reader may decide. */
export function useApprovalsForMe() {
  return useQuery({
    queryKey: keys.approvalsForMe,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/approvals', { params: { query: { state: 'open', limit: 1 } }, signal })),
  })
}

/** What the reader was told last, and how much of all that is unread. */
export function useNewestNotifications() {
  return useQuery({
    queryKey: keys.newestNotifications,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/notifications', { params: { query: { limit: NEWEST } }, signal })),
  })
}
