// Not of the page: loaded before the Node examples, so that console.log shows nested objects and long
// arrays whole. Without it Node prints the answer's `message` as [Object].
const { inspect } = require('node:util')

inspect.defaultOptions.depth = null
inspect.defaultOptions.maxArrayLength = null
