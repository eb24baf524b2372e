import { setupServer } from 'msw/node'

export const ORIGIN = 'http://console.test'
export const server = setupServer()
