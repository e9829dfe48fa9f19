// Not of the page: brings in axios, as its first comment asks ("记得引入 axios"), before the typing effect runs
// in Node. The page was written for axios 0.x, whose Node adapter does not call onDownloadProgress; axios 1.x
// calls it, with an event that has no `target`, and the example would end there. So it is left out here.
const axios = require('axios')

globalThis.axios = ({ onDownloadProgress: _, ...config }) => axios(config)
