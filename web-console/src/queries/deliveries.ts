// The ledger of webhook deliveries. It has no live stream, so it is read again every few seconds while it is looked at.
import { useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { Decision } from '@/api/types'
import { DECISIONS } from '@/status'
import { keys, type DeliveryFilters } from './keys'

const REFRESH_MS = 5000
const FIRST_PAGE: string | undefined = undefined

export function asDecision(value: string | undefined): Decision | undefined {
  return DECISIONS.find((decision) => decision === value)
}

export function useDeliveries(filters: MaybeRefOrGetter<DeliveryFilters>) {
  return useInfiniteQuery({
    queryKey: computed(() => keys.deliveryList(toValue(filters))),
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const { decision, ...rest } = toValue(filters)
      const known = asDecision(decision)
      const query = { ...rest, ...(known && { decision: known }), ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/deliveries', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: REFRESH_MS,
    placeholderData: (before) => before,
  })
}

export function useDelivery(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.delivery(toValue(id))),
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/api/v1/staff/deliveries/{delivery_id}', { params: { path: { delivery_id: toValue(id) } }, signal }),
      ),
  })
}
