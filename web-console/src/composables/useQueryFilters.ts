// Filters live in the URL: a link to a filtered list shows the same list, and "back" undoes a choice.
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

export function useQueryFilters<Name extends string>(names: readonly Name[]) {
  const route = useRoute()
  const router = useRouter()

  function read(name: Name): string | undefined {
    const value = route.query[name]
    const first = Array.isArray(value) ? value[0] : value
    return first === null || first === '' ? undefined : first
  }

  function write(changes: Partial<Record<Name, string | undefined>>): void {
    const entries = names.map((name) => [name, name in changes ? changes[name] : read(name)] as const)
    const query = Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''))
    void router.replace({ query, hash: route.hash })
  }

  /** One filter as a model for an input; `null` is what a cleared input gives. */
  function filter(name: Name): WritableComputedRef<string | null> {
    return computed({
      get: () => read(name) ?? null,
      set: (value) => write({ ...emptyChange, [name]: value ?? undefined }),
    })
  }
  const emptyChange: Partial<Record<Name, string | undefined>> = {}

  const active = computed(() => names.some((name) => read(name) !== undefined))
  const clear = (): void => void router.replace({ query: {} })
  return { filter, read, active, clear }
}
