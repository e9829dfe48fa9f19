const fetch = require("node-fetch");

fetch("https://api.openai-hk.com/v1/embeddings", {
 method: "POST",
 headers: {
   Authorization: "Bearer hk-替换为你的key",
   "Content-Type": "application/json",
 },
 body: JSON.stringify({
   input: "一起来使用ChatGPT",
   model: "text-embedding-ada-002",
 }),
});
