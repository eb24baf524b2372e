// Who I am, and who may sign in.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'

import { api, bodyOf, done } from '@/api/client'
import { keys } from './keys'

const FIRST_PAGE: string | undefined = undefined
const USERS_A_PAGE = 200

export function useMe() {
  return useQuery({
    queryKey: keys.me,
    queryFn: ({ signal }) => bodyOf(api.GET('/api/v1/staff/me', { signal })),
    staleTime: 60_000,
  })
}

export function useUsers() {
  return useInfiniteQuery({
    queryKey: keys.users,
    initialPageParam: FIRST_PAGE,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: USERS_A_PAGE, ...(pageParam && { cursor: pageParam }) }
      return bodyOf(api.GET('/api/v1/staff/users', { params: { query }, signal }))
    },
    getNextPageParam: (page) => page.next_cursor,
  })
}

export interface NewUser {
  email: string
  platform_role: 'admin' | 'member'
}

export function useCreateUser() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: NewUser) => bodyOf(api.POST('/api/v1/staff/users', { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.users }),
  })
}

export function useDeleteUser() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => done(api.DELETE('/api/v1/staff/users/{user_id}', { params: { path: { user_id: id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.users }),
  })
}
