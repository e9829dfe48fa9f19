const fetch = require("node-fetch");

fetch("https://api.openai-hk.com/v1/moderations", {
 method: "POST",
 headers: {
   Authorization: "Bearer hk-替换为你的key",
   "Content-Type": "application/json",
 },
 body: JSON.stringify({ input: "有人砍我" }),
});
