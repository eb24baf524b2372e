// Runs that wait, for whom or for what.
import { useQuery } from '@tanstack/vue-query'

import { api, bodyOf } from '@/api/client'
import { isRecord } from '@/api/problem'
import type { WaitList } from '@/api/types'
import { keepNewer } from '@/live/version'
import { keys } from './keys'

/** What a run waits for also changes with the clock alone: a limit passes, and then no run has changed. */
const REFRESH_MS = 30_000

function isWaitList(value: unknown): value is WaitList {
  return isRecord(value) && Array.isArray(value['items']) && 'more' in value
}

export function useWaits() {
  return useQuery({
    queryKey: keys.waits,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/waits', { signal })),
    structuralSharing: (known, fresh) =>
      isWaitList(known) && isWaitList(fresh) ? { ...fresh, items: keepNewer(known.items, fresh.items) } : fresh,
    refetchInterval: REFRESH_MS,
  })
}
