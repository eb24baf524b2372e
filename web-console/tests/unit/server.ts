import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'

export const ORIGIN = 'http://console.test'
/** Hosts that agents ask for stand on pages that are about something else. */
const noHosts = http.get(`${ORIGIN}/api/v1/staff/egress-requests`, () => HttpResponse.json({ items: [] }))
/** What systems of others ask stands in the inbox too. */
const noOutside = http.get(`${ORIGIN}/api/v1/staff/integration-requests`, () => HttpResponse.json({ items: [] }))
export const server = setupServer(noHosts, noOutside)
