import { z } from 'zod'

// For the whole process: a schema of the settings is used a few times, and the parsers that zod would make of it in code
// have to be compiled at every start. The one that reads many rows, of the provider's log, loses 0.1 ms a page.
z.config({ jitless: true })

export { z }
