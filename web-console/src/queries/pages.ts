// Lists of which the cache keeps the pages that were read.
import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/vue-query'

/** Puts a newer copy in the place of the older one, in every list below a key, until those are read again. */
export function putInPages<Item extends { id: string }>(cache: QueryClient, queryKey: QueryKey, item: Item): void {
  cache.setQueriesData<InfiniteData<{ items: Item[] }>>({ queryKey }, (known) => {
    if (known === undefined) return undefined
    return { ...known, pages: known.pages.map((page) => ({ ...page, items: page.items.map((one) => (one.id === item.id ? item : one)) })) }
  })
}
