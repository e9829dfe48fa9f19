// Not of the page: runs the example named as argument and prints the answer. The page's node-fetch examples
// end with the promise of a response and do nothing with it; it is the value of the program's last statement.
const { readFileSync } = require('node:fs')
const { runInThisContext } = require('node:vm')

// The examples take these from the module they stand in.
Object.assign(globalThis, { require })

runInThisContext(readFileSync(process.argv[2], 'utf8')).then(async (response) => {
  console.log(response.status)
  console.log(await response.text())
})
