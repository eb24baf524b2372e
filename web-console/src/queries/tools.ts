// The catalogue of tools. It changes with the platform's version alone.
import { useQuery } from '@tanstack/vue-query'

import { api, bodyOf } from '@/api/client'
import { keys } from './keys'

export function useTools() {
  return useQuery({
    queryKey: keys.tools,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/tools', { signal })),
    staleTime: Infinity,
  })
}
