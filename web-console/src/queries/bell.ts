// What waits for the reader alone. Every page shows it, so it stands apart from what only the inbox needs.
import { useQuery } from '@tanstack/vue-query'

import { api, bodyOf } from '@/api/client'
import { keys } from './keys'

/** Enough to find the newest few that the reader may decide. */
const NEWEST = 20

/** The newest open ones, and how many of all open ones the reader may decide. */
export function useApprovalsForMe() {
  return useQuery({
    queryKey: keys.approvalsForMe,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/approvals', { params: { query: { state: 'open', limit: NEWEST } }, signal })),
  })
}
