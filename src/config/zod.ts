import { z } from 'zod'

// A schema is used a few times here: parsers made of code would have to be compiled for that, at every start.
z.config({ jitless: true })

export { z }
